"""A YAML document as plain values, each with its origin in a file."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Union

from infra.compose_file.yaml.scalars import Scalar, format_scalar

Value = Union["Table", "Items", Scalar]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The file of a value, and the variables for its interpolation."""

    path: str
    lines: tuple[str, ...]
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """The position of a value in a file."""

    source: Source
    line: int
    """The line of the value's key or list item."""
    start: tuple[int, int] = (0, 0)
    """The line and the column at which the value starts."""
    raw: str = ""
    """A scalar's text as written, before interpolation."""
    is_block: bool = False
    """Whether it is a block scalar (`|` or `>`)."""
    is_merged: bool = False
    """Whether it comes from a merge (`<<`), so several mappings may share it."""


class Table(dict[str, Value]):
    """A mapping with the origin of each of its values."""

    __slots__ = ("is_flow", "marks", "origins")

    def __init__(self) -> None:
        super().__init__()
        self.origins: dict[str, Origin] = {}
        self.is_flow = False
        self.marks: frozenset[str] = frozenset()
        """What a pass found out about the mapping; later passes keep it."""

    def put(self, key: str, value: Value, origin: Origin) -> None:
        """Set a value and its origin."""
        self[key] = value
        self.origins[key] = origin

    def drop(self, key: str) -> None:
        """Remove a value if it exists."""
        self.pop(key, None)
        self.origins.pop(key, None)

    def copy(self) -> "Table":
        """Return a copy of the mapping; the values are shared."""
        other = Table()
        other.update(self)
        other.origins.update(self.origins)
        other.is_flow = self.is_flow
        other.marks = self.marks
        return other

    def entries(self) -> Iterator[tuple[str, Value, Origin]]:
        """Yield each key with its value and origin."""
        for key, value in self.items():
            yield key, value, self.origins[key]


class Items(list[Value]):
    """A list with the origin of each of its values."""

    __slots__ = ("is_flow", "origins")

    def __init__(self) -> None:
        super().__init__()
        self.origins: list[Origin] = []
        self.is_flow = False

    def add(self, value: Value, origin: Origin) -> None:
        """Append a value and its origin."""
        self.append(value)
        self.origins.append(origin)

    def copy(self) -> "Items":
        """Return a copy of the list; the values are shared."""
        return make_items(self.entries(), is_flow=self.is_flow)

    def entries(self) -> Iterator[tuple[Value, Origin]]:
        """Yield each value with its origin."""
        return zip(self, self.origins, strict=True)


def make_items(pairs: Iterable[tuple[Value, Origin]], *, is_flow: bool = False) -> Items:
    """Return a list of values with their origins."""
    items = Items()
    items.is_flow = is_flow
    for value, origin in pairs:
        items.add(value, origin)
    return items


def make_table(values: Mapping[str, Value], origin: Origin) -> Table:
    """Return a mapping whose values share one origin."""
    table = Table()
    for key, value in values.items():
        table.put(key, value, origin)
    return table


def to_table(value: Value) -> Table:
    """Return a mapping; an empty one for any other value."""
    return value if isinstance(value, Table) else Table()


def to_items(value: Value) -> Items:
    """Return a list; an empty one for any other value."""
    return value if isinstance(value, Items) else Items()


def to_text(value: Value) -> str:
    """Return a scalar as Compose prints it; an empty string for a mapping or a list."""
    return "" if isinstance(value, Table | Items) else format_scalar(value)


def descend(value: Value, *keys: str) -> Table:
    """Return the mapping under nested keys."""
    for key in keys:
        value = to_table(value).get(key)
    return to_table(value)
