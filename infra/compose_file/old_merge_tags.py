"""`!reset` and `!override`: what they leave of their own file, and take from those below it.

Followed as Compose does, on YAML's nodes before anything is made of them. `!reset` drops what
it marks, `!override` keeps it, as it stands, and either clears the same key of what this
file is laid over. An alias is a node that is come by again: what was dropped is gone there too.
https://docs.docker.com/reference/compose-file/merge/ and compose-go's loader/reset.go
"""

from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.scanner import RoundTripScanner

_RESET, _OVERRIDE = "!reset", "!override"
_YAMLS_OWN = "tag:yaml.org,2002:"

# More than a file of 256 KiB can hold without aliases; Compose, which writes each one out,
# would take gigabytes for an alias bomb.
_MOST_VALUES = 100_000


class TooManyValuesError(Exception):
    """A document's aliases stand for more values than anybody writes."""


def load_documents(text: str) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Yield each document without merge tags, and the keys that they clear: `services.a.cpus`."""
    yaml = make_parser()
    yaml.Constructor = _Untagged
    for document in yaml.load_all(text):
        yield document, tuple(getattr(yaml.constructor, "reset_keys", ()))


def make_parser() -> YAML:
    """Return a YAML parser that takes tabs where Compose takes them."""
    yaml = YAML(typ="rt")
    yaml.Scanner = _Scanner
    return yaml


class _Scanner(RoundTripScanner):
    def scan_to_next_token(self) -> Any:
        """Pass over tabs behind what stands on the line already, as libyaml and Go's parser do."""
        while not self.allow_simple_key and self.reader.peek() in " \t":
            self.reader.forward()
        return super().scan_to_next_token()


class _Untagged(RoundTripConstructor):
    def construct_document(self, node: Node) -> Any:
        tags = _Tags()
        stays = tags.follow(node, "")
        self.reset_keys = tags.reset_keys
        _forget_tags(node)
        return super().construct_document(node) if stays else None


class _Tags:
    """One walk through a document; every alias is walked where it stands."""

    def __init__(self) -> None:
        self.reset_keys: list[str] = []
        self._left = _MOST_VALUES
        self._within: set[int] = set()

    def follow(self, node: Node, path: str) -> bool:
        """Note what the tags clear, drop what `!reset` marks, and return whether `node` stays."""
        self._left -= 1
        if self._left < 0:
            raise TooManyValuesError
        if node.tag in (_RESET, _OVERRIDE):
            self.reset_keys.append(path)
            return node.tag == _OVERRIDE
        if id(node) not in self._within:  # an alias to what it stands in has no end
            self._within.add(id(node))
            self._follow_inside(node, path)
            self._within.remove(id(node))
        return True

    def _follow_inside(self, node: Node, path: str) -> None:
        if isinstance(node, SequenceNode):
            node.value = [
                item
                for index, item in enumerate(node.value)
                if self.follow(item, f"{path}.{index}")
            ]
        elif isinstance(node, MappingNode):
            node.value = [
                (key, value)
                for key, value in node.value
                if self.follow(value, _join_path(path, key))
            ]


def _join_path(path: str, key: Node) -> str:
    """Return the path of a key; what `<<` brings has the path of the mapping itself."""
    if key.value == "<<":
        return path
    name = key.value if isinstance(key.value, str) else ""
    return f"{path}.{name}" if path else name


def _forget_tags(node: Node) -> None:
    """Take tags that YAML does not know for none; a scalar under one is a text, for Compose too."""
    nodes, known = [node], set[int]()
    while nodes:
        one = nodes.pop()
        if id(one) in known:
            continue
        known.add(id(one))
        kind = {ScalarNode: "str", SequenceNode: "seq", MappingNode: "map"}[type(one)]
        if not str(one.tag).startswith(_YAMLS_OWN) or str(one.tag) == f"{_YAMLS_OWN}str":
            one.tag = f"{_YAMLS_OWN}{kind}"
        if isinstance(one, SequenceNode):
            nodes += one.value
        elif isinstance(one, MappingNode):
            nodes += [part for pair in one.value for part in pair]
