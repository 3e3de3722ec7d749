"""The words of `command` and `entrypoint`, each with its line and its place on it."""

import shlex
from collections.abc import Iterator
from typing import Any

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import FoldedScalarString, LiteralScalarString

from infra.compose_file.interpolation import interpolate
from infra.compose_file.model import LocatedValue
from infra.compose_file.scope import Scope, interpolate_at, make_error
from infra.compose_file.spans import WrittenWord, find_words, locate_item
from infra.compose_file.old_yaml_nodes import (
    find_item_column,
    find_item_line,
    find_line,
    find_value_start,
    is_flow_sequence,
    to_list,
    to_text,
)


def read_words(
    scope: Scope, service: CommentedMap, key: str, default_line: int
) -> tuple[LocatedValue, ...]:
    """Return a command's words, written as a list or as one string for a shell's rules."""
    value = service.get(key)
    line = find_line(service, key, default_line)
    if isinstance(value, str):
        return _split_string(scope, value, key, line, find_value_start(service, key))
    return tuple(_read_item(scope, value, index, line) for index in range(len(to_list(value))))


def _split_string(
    scope: Scope, value: str, key: str, line: int, start: tuple[int, int] | None
) -> tuple[LocatedValue, ...]:
    try:
        words = shlex.split(interpolate_at(scope, value, line))
    except ValueError as error:
        raise make_error(scope, line, f"{key}: {error}") from None
    is_block = isinstance(value, FoldedScalarString | LiteralScalarString)
    written = find_words(value, scope.lines, *start, block=is_block) if start else ()
    located = tuple(word for one in written for word in _interpolate_word(scope, one))
    if [word.value for word in located] == words:
        return located
    return tuple(LocatedValue(word, line, word, scope.path) for word in words)


def _interpolate_word(scope: Scope, written: WrittenWord) -> Iterator[LocatedValue]:
    """Yield what becomes of a word: one, or by a variable in it none or several."""
    try:
        words = shlex.split(interpolate(written.text, scope.variables)[0])
        raw = shlex.split(written.text)
    except ValueError:
        return
    for word in words:
        if len(words) == len(raw) == 1:
            yield LocatedValue(word, written.line, raw[0], scope.path, written.place)
        else:
            yield LocatedValue(word, written.line, word, scope.path)


def _read_item(scope: Scope, items: Any, index: int, default_line: int) -> LocatedValue:
    raw, line = to_text(items[index]), find_item_line(items, index, default_line)
    column, place = find_item_column(items, index), None
    if column is not None:
        place = locate_item(raw, scope.lines, line, column, brackets=is_flow_sequence(items))
    return LocatedValue(interpolate_at(scope, raw, line), line, raw, scope.path, place)
