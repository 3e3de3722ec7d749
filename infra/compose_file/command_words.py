"""Read the words of `command` and `entrypoint`, each with its line and column."""

from collections.abc import Iterator

from infra.compose_file.command_spans import WrittenWord, find_words, locate_item
from infra.compose_file.model import LocatedValue
from infra.compose_file.syntax.interpolation import BadVariableError, interpolate
from infra.compose_file.syntax.shell_words import split_command
from infra.compose_file.yaml.tree import Items, Origin, Table, Value, to_items, to_text


def read_words(service: Table, key: str) -> tuple[LocatedValue, ...]:
    """Return the words of a command, which is a list or a string that Compose splits."""
    value = service.get(key)
    if isinstance(value, str):
        return tuple(_split_string(value, service.origins[key]))
    items = to_items(value)
    return tuple(_locate_item(item, origin, items) for item, origin in items.entries())


def find_dropped_words(service: Table) -> LocatedValue | None:
    """Return the text that Compose drops at the end of a command string; None if it drops none."""
    for key in ("entrypoint", "command"):
        value = service.get(key)
        if isinstance(value, str) and (text := _find_dropped(value)):
            origin = service.origins[key]
            return LocatedValue(text, origin.line, text, origin.source.path)
    return None


def _find_dropped(value: Value) -> str:
    try:
        return split_command(to_text(value)).dropped
    except ValueError:
        return ""


def _split_string(value: str, origin: Origin) -> Iterator[LocatedValue]:
    try:
        words = split_command(value).words
    except ValueError:
        return
    located = [
        word for written in _find_written(origin) for word in _interpolate_word(written, origin)
    ]
    if [word.value for word in located[: len(words)]] == list(words):
        yield from located[: len(words)]
        return
    for word in words:
        yield LocatedValue(word, origin.line, word, origin.source.path)


def _find_written(origin: Origin) -> Iterator[WrittenWord]:
    """Yield the words as written; words that came from a merge have no column."""
    if not origin.is_merged:
        lines = origin.source.lines
        yield from find_words(origin.raw, lines, *origin.start, block=origin.is_block)


def _interpolate_word(written: WrittenWord, origin: Origin) -> Iterator[LocatedValue]:
    """Yield the words that result from a written word; a variable can yield none or several."""
    try:
        filled, _ = interpolate(written.text, origin.source.variables)
        words, raw = split_command(filled).words, split_command(written.text).words
    except (BadVariableError, ValueError):
        return
    path = origin.source.path
    for word in words:
        if len(words) == len(raw) == 1:
            yield LocatedValue(word, written.line, raw[0], path, written.place)
        else:
            yield LocatedValue(word, written.line, word, path)


def _locate_item(item: Value, origin: Origin, items: Items) -> LocatedValue:
    line, column = origin.start
    place = locate_item(origin.raw, origin.source.lines, line, column, brackets=items.is_flow)
    return LocatedValue(to_text(item), origin.line, origin.raw, origin.source.path, place)
