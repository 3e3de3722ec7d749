"""Read the YAML documents of a file as trees, with merge tags and merge keys (`<<`) applied."""

import math
from collections.abc import Iterator

from infra.compose_file.yaml.merge_tags import apply_merge_tags
from infra.compose_file.yaml.nodes import (
    MOST_VALUES,
    Node,
    NotYamlError,
    compose_documents,
)
from infra.compose_file.yaml.scalars import format_float, resolve_plain, resolve_tagged
from infra.compose_file.yaml.tree import Items, Origin, Source, Table, Value
from qca.core.frozen import frozen_dataclass


@frozen_dataclass
class Document:
    """A document, and the keys that its merge tags clear in the files that it is merged over."""

    top: Table
    reset_keys: tuple[str, ...] = ()


def parse_documents(text: str, source: Source) -> Iterator[Document]:
    """Yield the documents of a file; a file with only comments has none.

    Raises:
        NotYamlError: the file is not YAML that Compose accepts; the message names the line.

    """
    has_tags = "!reset" in text or "!override" in text
    for node in compose_documents(text):
        stays, reset_keys = apply_merge_tags(node) if has_tags else (True, ())
        top = _build_document(node, source) if stays else None
        if not isinstance(top, Table):
            raise NotYamlError("top-level object must be a mapping", node.line)
        yield Document(top, reset_keys)


def _build_document(node: Node, source: Source) -> Value:
    try:
        return _Builder(source).build(node, "")
    except RecursionError:
        raise NotYamlError("its aliases are nested too deep", node.line) from None


class _Builder:
    """Builds the tree of one document; an alias becomes a copy of the subtree."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._left = MOST_VALUES
        self._within: set[int] = set()

    def build(self, node: Node, path: str) -> Value:
        self._left -= 1
        if self._left < 0:
            raise NotYamlError(f"its aliases expand to more than {MOST_VALUES} values", node.line)
        if node.kind == "scalar":
            return _check_finite(_resolve(node), node.line)
        if id(node) in self._within:
            raise NotYamlError(f"cycle detected: {path} refers to itself", node.line)
        self._within.add(id(node))
        value = self._build_list(node, path) if node.kind == "list" else self._build(node, path)
        self._within.remove(id(node))
        return value

    def _build_list(self, node: Node, path: str) -> Items:
        items = Items()
        items.is_flow = node.is_flow
        for index, item in enumerate(node.items):
            items.add(self.build(item, f"{path}[{index}]"), self._locate(item, item.line))
        return items

    def _build(self, node: Node, path: str) -> Table:
        table = Table()
        table.is_flow = node.is_flow
        merged: Node | None = None
        lines: dict[str, int] = {}
        for key, value in node.pairs:
            name = key.text if _is_merge(key) else _read_key(key, path)
            if name in lines:
                problem = f'mapping key "{name}" already defined at line {lines[name]}'
                raise NotYamlError(problem, key.line)
            lines[name] = key.line
            if _is_merge(key):
                merged = value
            else:
                below = f"{path}.{name}" if path else name
                table.put(name, self.build(value, below), self._locate(value, key.line))
        if merged is not None:
            self._merge(table, merged, path)
        return table

    def _merge(self, table: Table, merged: Node, path: str) -> None:
        """Add the keys from `<<`; the mapping's own keys and earlier entries take precedence."""
        brought = self.build(merged, path)
        for source in brought if isinstance(brought, Items) else [brought]:
            if not isinstance(source, Table):
                problem = "map merge requires map or sequence of maps as the value"
                raise NotYamlError(problem, merged.line)
            for key, value, origin in source.entries():
                if key not in table:
                    table.put(key, value, _mark_merged(origin))

    def _locate(self, node: Node, line: int) -> Origin:
        start = (node.line, node.column)
        return Origin(self._source, line, start, node.text, is_block=node.is_block)


def _mark_merged(origin: Origin) -> Origin:
    return Origin(
        origin.source, origin.line, origin.start, origin.raw, origin.is_block, is_merged=True
    )


def _is_merge(key: Node) -> bool:
    return key.kind == "scalar" and key.is_plain and key.text == "<<"


def _read_key(key: Node, path: str) -> str:
    if key.kind != "scalar":
        raise NotYamlError("invalid map key: a mapping or a list", key.line)
    name = _resolve(key)
    if not isinstance(name, str):
        place = f"in {path}" if path else "at top level"
        raise NotYamlError(f"non-string key {place}: {key.text}", key.line)
    return name


def _resolve(node: Node) -> str | int | float | bool | None:
    if node.tag in ("", "!"):
        return resolve_plain(node.text) if node.is_plain and not node.tag else node.text
    try:
        return resolve_tagged(node.text, node.tag)
    except ValueError as error:
        raise NotYamlError(str(error), node.line) from None


def _check_finite(value: Value, line: int) -> Value:
    """Refuse infinity and NaN, which Compose cannot validate."""
    if isinstance(value, float) and not math.isfinite(value):
        raise NotYamlError(f"unsupported value: {format_float(value)}", line)
    return value
