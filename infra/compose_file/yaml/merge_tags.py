"""Apply `!reset` and `!override`, which clear keys of their own file and of earlier files.

As in Compose, they are applied to the YAML nodes before the nodes become values. `!reset` drops the
node that it marks, `!override` keeps it unchanged, and both clear the same key in the files over
which this file is merged. An alias visits the same node again, so dropped nodes are missing there
too.
https://docs.docker.com/reference/compose-file/merge/ and compose-go's loader/reset.go
"""

from infra.compose_file.yaml.nodes import MOST_VALUES, Node, NotYamlError
from infra.compose_file.yaml.tree import Items, Table, Value

_RESET, _OVERRIDE = "!reset", "!override"


def apply_merge_tags(document: Node) -> tuple[bool, tuple[str, ...]]:
    """Drop the nodes with `!reset`; return whether the document remains, and the cleared keys.

    Raises:
        NotYamlError: the document's aliases expand to too many values.

    """
    tags = _Tags()
    stays = tags.follow(document, "")
    return stays, tuple(tags.reset_keys)


class _Tags:
    """A traversal of a document, which visits every alias in place."""

    def __init__(self) -> None:
        self.reset_keys: list[str] = []
        self._left = MOST_VALUES
        self._within: set[int] = set()

    def follow(self, node: Node, path: str) -> bool:
        """Record cleared keys and drop nodes with `!reset`; return whether `node` remains."""
        self._left -= 1
        if self._left < 0:
            raise NotYamlError(f"its aliases expand to more than {MOST_VALUES} values")
        if node.tag in (_RESET, _OVERRIDE):
            self.reset_keys.append(path)
            return node.tag == _OVERRIDE
        if node.kind != "scalar" and id(node) not in self._within:  # not again in a cycle
            self._within.add(id(node))
            self._follow_inside(node, path)
            self._within.remove(id(node))
        return True

    def _follow_inside(self, node: Node, path: str) -> None:
        node.items = [
            item for index, item in enumerate(node.items) if self.follow(item, f"{path}.{index}")
        ]
        node.pairs = [
            (key, value) for key, value in node.pairs if self.follow(value, _join_path(path, key))
        ]


def _join_path(path: str, key: Node) -> str:
    """Return the path of a key; keys from `<<` have the path of the mapping."""
    if key.text == "<<":
        return path
    return f"{path}.{key.text}" if path else key.text


def clear_keys(table: Table, keys: tuple[str, ...]) -> Table:
    """Return a mapping without the keys that a later file's tags clear; list items are kept."""
    for key in keys:
        table = _clear(table, key.split("."))
    return table


def _clear(value: Table, steps: list[str]) -> Table:
    """Return the mapping without the value at the path `steps`; a name may contain a dot."""
    for count in range(1, len(steps) + 1):
        key, rest = ".".join(steps[:count]), steps[count:]
        if key not in value:
            continue
        smaller = value.copy()
        below: Value = value[key]
        if not rest:
            smaller.drop(key)
        elif isinstance(below, Table):
            smaller[key] = _clear(below, rest)
        elif isinstance(below, Items):
            return value
        return smaller
    return value
