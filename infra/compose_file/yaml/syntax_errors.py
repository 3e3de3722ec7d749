"""Explain syntax errors of libyaml and PyYAML: what is wrong, the line where it starts, the fix.

Both report where their parser gave up, often a line or more after the mistake, in terms of their
grammar. Their texts differ, so the patterns below match what they have in common.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import yaml
from yaml.events import CollectionEndEvent, CollectionStartEvent, StreamEndEvent

from infra.compose_file.yaml.loader import make_loader
from qca.core.frozen import frozen_dataclass

# A key that is followed by a value, and one whose colon lacks the space, which makes it one word.
# An address such as `http://host` is not a key.
_KEY = re.compile(r"\s*(?:- +)*[\w.\"'/-]+ *:(?:\s|$)")
_KEY_WITHOUT_SPACE = re.compile(r"\s*(?:- +)*([\w.-]+):(?!//)[^\s:]")


@frozen_dataclass
class SyntaxFault:
    """A mistake in a YAML file, and the line where it starts; 0 if it is unknown."""

    problem: str
    line: int
    fix: str = ""


class _Mark(Protocol):
    """A position, counted from 0."""

    line: int
    column: int


@frozen_dataclass
class _Report:
    """Where the parser gave up, and where the construct that it was reading starts."""

    text: str
    lines: Sequence[str]
    end: _Mark
    start: _Mark

    def get_line(self, mark: _Mark) -> str:
        """Return the text of a line; empty at the end of the file."""
        return self.lines[mark.line] if mark.line < len(self.lines) else ""

    def get_rest(self, mark: _Mark) -> str:
        """Return the rest of a line, starting at a position."""
        return self.get_line(mark)[mark.column :]

    def number(self, mark: _Mark) -> int:
        """Return the number of a line, which is at most that of the last one."""
        return min(mark.line + 1, max(1, len(self.lines)))

    @property
    def is_at_first_character(self) -> bool:
        """Whether only spaces precede the character at which the parser gave up."""
        return not self.get_line(self.end)[: self.end.column].strip(" ")


def explain_syntax_error(error: yaml.MarkedYAMLError, text: str) -> SyntaxFault:
    """Return the mistake behind an error; if it is unknown, describe it in the library's words."""
    problem = " ".join((error.problem or "not YAML").split())
    end = error.problem_mark or error.context_mark
    if end is None:
        return SyntaxFault(problem=problem, line=0)
    start = error.context_mark or end
    report = _Report(text=text, lines=text.splitlines(), end=end, start=start)
    for pattern, explain in _RULES:
        if re.search(pattern, f"{error.context}: {problem}"):
            return explain(report) or SyntaxFault(problem=problem, line=report.number(end))
    return SyntaxFault(problem=problem, line=report.number(end))


def _explain_tab(report: _Report) -> SyntaxFault:
    return SyntaxFault(
        problem="a tab indents this line, and YAML allows only spaces there",
        line=report.number(report.end),
        fix="Replace the tab with spaces.",
    )


def _explain_character(report: _Report) -> SyntaxFault:
    first = report.get_rest(report.end)[:1]
    if first == "\t":
        return _explain_tab(report)
    return SyntaxFault(
        problem=f"a value cannot start with {first}",
        line=report.number(report.end),
        fix="Put the value in quotes.",
    )


def _explain_alias(report: _Report) -> SyntaxFault:
    first = report.get_rest(report.start)[:1]
    meaning = "an alias" if first == "*" else "an anchor"
    return SyntaxFault(
        problem=f"a value that starts with {first} is {meaning}, whose name is missing here",
        line=report.number(report.start),
        fix="Put the value in quotes if it is text.",
    )


def _explain_quote(report: _Report) -> SyntaxFault:
    quote = report.get_rest(report.start)[:1]
    return SyntaxFault(
        problem=f"the quote {quote} that opens here is never closed",
        line=report.number(report.start),
        fix=f"Add the closing {quote}.",
    )


def _explain_bracket(report: _Report) -> SyntaxFault | None:
    opened = _find_open_bracket(report.text)
    if opened is None:
        return _explain_character(report) if report.get_rest(report.end) else None
    bracket = report.get_rest(opened)[:1]
    closing = "]" if bracket == "[" else "}"
    return SyntaxFault(
        problem=f"the bracket {bracket} that opens here is not closed, or a comma is missing",
        line=report.number(opened),
        fix=f"Add the closing {closing}, or the comma between two items.",
    )


def _find_open_bracket(text: str) -> _Mark | None:
    """Return the innermost bracket that is open where the parser gives up."""
    opened: list[CollectionStartEvent] = []
    with suppress(yaml.YAMLError):
        loader = make_loader(text)
        while not isinstance(event := loader.get_event(), StreamEndEvent):
            if isinstance(event, CollectionStartEvent):
                opened.append(event)
            elif isinstance(event, CollectionEndEvent):
                opened.pop()
    return opened[-1].start_mark if opened and opened[-1].flow_style else None


def _explain_second_colon(report: _Report) -> SyntaxFault:
    """Explain a colon in a value, which may have started in the line above."""
    if _KEY.match(report.get_line(report.end)[: report.end.column]):
        return SyntaxFault(
            problem="a value contains a colon and a space, which end a key",
            line=report.number(report.end),
            fix="Put the value in quotes.",
        )
    above = next((i for i in range(report.end.line - 1, -1, -1) if report.lines[i].strip()), None)
    if above is None:
        return SyntaxFault(problem="this colon does not end a key", line=report.number(report.end))
    if not _KEY.match(report.lines[above]):
        return _explain_key(report.lines[above], above + 1)
    return SyntaxFault(
        problem=f"this line is indented more than line {above + 1}, which already has a value",
        line=report.number(report.end),
        fix=f"Indent both lines alike, or remove the value in line {above + 1}.",
    )


def _explain_missing_colon(report: _Report) -> SyntaxFault:
    return _explain_key(report.get_line(report.start), report.number(report.start))


def _explain_key(text: str, line: int) -> SyntaxFault:
    found = _KEY_WITHOUT_SPACE.match(text)
    if found:
        problem = f"a space is missing after {found[1]}:"
        return SyntaxFault(problem=problem, line=line, fix=f"Write `{found[1]}: VALUE`.")
    return SyntaxFault(
        problem=f"the key {text.strip()[:40]} has no colon", line=line, fix="Add a colon after it."
    )


def _explain_block(report: _Report) -> SyntaxFault:
    line, start = report.number(report.end), report.number(report.start)
    if not report.is_at_first_character:
        return SyntaxFault(
            problem="text follows the end of a value",
            line=line,
            fix="If the value has quotes, let them enclose all of it.",
        )
    if report.end.column == report.start.column:
        is_item = report.get_rest(report.end).startswith("-")
        found, others = ("a list item", "keys") if is_item else ("a key", "list items")
        return SyntaxFault(
            problem=f"{found} is at the same level as the {others} that start in line {start}",
            line=line,
            fix="Indent it under what it belongs to.",
        )
    return SyntaxFault(
        problem=f"the indentation fits neither the block that starts in line {start} nor one "
        "around it",
        line=line,
        fix="Indent it with as many spaces as the lines that it belongs to.",
    )


def _explain_escape(report: _Report) -> SyntaxFault:
    return SyntaxFault(
        problem="a backslash in double quotes starts an escape that YAML does not know",
        line=report.number(report.end),
        fix="Write two backslashes, or use single quotes.",
    )


_RULES: tuple[tuple[str, Callable[[_Report], SyntaxFault | None]], ...] = (
    ("tab character", _explain_tab),
    ("cannot start any token", _explain_character),
    ("alphabetic or numeric", _explain_alias),
    ("quoted scalar: found unexpected end", _explain_quote),
    ("unknown escape", _explain_escape),
    ("flow (sequence|mapping|node)|node content", _explain_bracket),
    ("mapping values are not allowed", _explain_second_colon),
    ("could not find expected ':'", _explain_missing_colon),
    (r"block (mapping|collection): (did not find|expected)", _explain_block),
)
