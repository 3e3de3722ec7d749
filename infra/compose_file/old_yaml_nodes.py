"""Small steps through a parsed YAML document: what is there, and on which line."""

from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq


def split_assignment(item: str) -> tuple[str, str | None]:
    """Split `NAME=value`; without a sign there is no value."""
    name, equals, value = item.partition("=")
    return name, value if equals else None


def find_line(mapping: CommentedMap, key: Any, otherwise: int = 1) -> int:
    """Return a key's line; a key that came by a merge (`<<`) has none of its own."""
    try:
        return mapping.lc.key(key)[0] + 1
    except (KeyError, AttributeError, TypeError):
        return otherwise


def find_item_line(items: Any, index: int, otherwise: int) -> int:
    """Return the line of a list's item."""
    try:
        return items.lc.item(index)[0] + 1
    except (KeyError, AttributeError, TypeError):
        return otherwise


def find_item_column(items: Any, index: int) -> int | None:
    """Return the column of a list's item; None where the parser kept none."""
    try:
        return items.lc.item(index)[1]
    except (KeyError, AttributeError, TypeError):
        return None


def is_flow_sequence(items: Any) -> bool:
    """Whether a list is written as `[one, other]`."""
    return isinstance(items, CommentedSeq) and bool(items.fa.flow_style())


def find_value_start(mapping: CommentedMap, key: Any) -> tuple[int, int] | None:
    """Return line and column of a key's value; None for a key that came by a merge (`<<`)."""
    try:
        line, column = mapping.lc.value(key)
    except (KeyError, AttributeError, TypeError):
        return None
    return line + 1, column


def to_list(value: Any) -> list[Any]:
    """Return a list; nothing for what is none."""
    return value if isinstance(value, list) else []


def to_text(value: Any) -> str:
    """Return a scalar as text; printing a nest of aliases could take for ever."""
    if value is None or isinstance(value, dict | list | set):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def to_mapping(value: Any) -> CommentedMap:
    """Return a mapping; an empty one for what is none."""
    return value if isinstance(value, CommentedMap) else CommentedMap()


def descend(top: CommentedMap, *keys: str) -> CommentedMap:
    """Return the mapping under keys that lie in one another."""
    for key in keys:
        top = to_mapping(top.get(key))
    return top
