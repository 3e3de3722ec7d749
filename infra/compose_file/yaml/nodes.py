"""Parse a YAML stream into nodes with positions; invalid YAML raises an error with its line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    StreamEndEvent,
)

from infra.compose_file.yaml.loader import Loader, make_loader
from infra.compose_file.yaml.syntax_errors import explain_syntax_error

# Compose's schema is about ten levels deep.
_DEEPEST = 100

# Each alias is expanded in place. A file of 4 MiB without aliases has fewer values than this; an
# alias bomb has more.
MOST_VALUES = 400_000

# The only version that Go's parser accepts in `%YAML`.
_VERSION = (1, 1)

_BLOCK_STYLES = ("|", ">")


class NotYamlError(ValueError):
    """A text that is not YAML, with the line of the error (0 if it is unknown) and the fix."""

    def __init__(self, problem: str, line: int = 0, fix: str = "") -> None:
        super().__init__(problem)
        self.line = line
        self.fix = fix


@dataclass(slots=True, eq=False)
class Node:
    """A scalar, a list or a mapping in a document; an alias is the same node as its anchor."""

    kind: Literal["scalar", "list", "mapping"]
    line: int
    column: int
    tag: str = ""
    """The tag as written, or empty."""
    text: str = ""
    is_plain: bool = False
    is_block: bool = False
    is_flow: bool = False
    items: list["Node"] = field(default_factory=list["Node"])
    pairs: list[tuple["Node", "Node"]] = field(default_factory=list[tuple["Node", "Node"]])


def compose_documents(text: str) -> Iterator[Node]:
    """Yield the documents of a stream.

    Raises:
        NotYamlError: the text is not YAML, or is nested too deeply.

    """
    try:
        yield from _compose_stream(make_loader(text))
    except yaml.MarkedYAMLError as error:
        fault = explain_syntax_error(error, text)
        raise NotYamlError(fault.problem, fault.line, fault.fix) from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, NotYamlError):
            raise
        raise NotYamlError(" ".join(str(error).split())) from None


def _compose_stream(loader: Loader) -> Iterator[Node]:
    while not isinstance(event := loader.get_event(), StreamEndEvent):
        if not isinstance(event, DocumentStartEvent):
            continue
        if event.version not in (None, _VERSION):
            raise NotYamlError("found incompatible YAML document", 1)
        yield _Composer(loader).compose_document()


class _Composer:
    """Builds one document from the events of a stream."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._anchors: dict[str, Node] = {}

    def compose_document(self) -> Node:
        node = self._compose(self._loader.get_event(), 0)
        self._loader.get_event()  # the document's end
        return node

    def _compose(self, event: Event, depth: int) -> Node:
        line, column = event.start_mark.line + 1, event.start_mark.column
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                fix = f"Define &{event.anchor} above this line."
                raise NotYamlError(f"unknown anchor '{event.anchor}' referenced", line, fix)
            return self._anchors[event.anchor]
        if depth > _DEEPEST:
            raise NotYamlError(f"nested more than {_DEEPEST} levels deep", line)
        node = _make_node(event, line, column)
        if isinstance(event, NodeEvent) and event.anchor:
            self._anchors[event.anchor] = node
        if node.kind == "list":
            node.items.extend(self._compose(inner, depth + 1) for inner in self._read_inside())
        elif node.kind == "mapping":
            for key in self._read_inside():
                first = self._compose(key, depth + 1)
                node.pairs.append((first, self._compose(self._loader.get_event(), depth + 1)))
        return node

    def _read_inside(self) -> Iterator[Event]:
        while not isinstance(event := self._loader.get_event(), CollectionEndEvent):
            yield event


def _make_node(event: Event, line: int, column: int) -> Node:
    if isinstance(event, ScalarEvent):
        return Node(
            "scalar",
            line,
            column,
            tag=event.tag or "",
            text=event.value,
            is_plain=bool(event.implicit[0]) and not event.style,
            is_block=event.style in _BLOCK_STYLES,
        )
    if not isinstance(event, CollectionStartEvent):
        raise NotYamlError("not YAML", line)
    kind = "mapping" if isinstance(event, MappingStartEvent) else "list"
    return Node(kind, line, column, tag=event.tag or "", is_flow=bool(event.flow_style))
