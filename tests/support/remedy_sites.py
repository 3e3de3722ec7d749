"""Find where the source creates remedies with commands, and which of these places a run reaches.

A place is a call of `Remedy` with commands, or of a function that returns remedies, since two calls
of one function may print two commands. It is reached if a finding has a remedy that was created
there.

    python -m tests.support.remedy_sites

examines the hosts and files of `remedy_cases`, and prints the reached places and the remedies as
JSON. It is a separate process, so that remedies that are created on import are also recorded.
"""

import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

SOURCE = Path(__file__).parents[2] / "infra"


@dataclass(frozen=True, order=True)
class Site:
    """The position of a call."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def find_sites(trees: dict[str, ast.Module]) -> set[Site]:
    """Return every place that creates a remedy with commands."""
    makers = {name for tree in trees.values() for name in _find_makers(tree) if name[0] != "_"}
    return {
        Site(file, node.lineno, node.col_offset)
        for file, tree in trees.items()
        for node in _find_calls(tree, makers | _find_makers(tree))
    }


def _find_makers(tree: ast.Module) -> set[str]:
    """Return the names of a module's functions that return remedies."""
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.returns
        and any(_name(part) == "Remedy" for part in ast.walk(node.returns))
    }


def _find_calls(tree: ast.Module, makers: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if name in makers or (name == "Remedy" and _has_commands(node)):
                yield node


def find_loose_ends(trees: dict[str, ast.Module]) -> list[str]:
    """Return the places that create or change remedies in ways that `find_sites` cannot find."""
    return sorted(
        f"{file}:{line}" for file, tree in trees.items() for line in _find_loose_lines(tree)
    )


def _find_loose_lines(tree: ast.Module) -> Iterator[int]:
    seen = {id(part) for node in ast.walk(tree) for part in _find_harmless_uses(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            if _name(node) == "Remedy" and id(node) not in seen:
                yield node.lineno
        elif isinstance(node, ast.alias):
            yield from [node.lineno] if node.name == "Remedy" and node.asname else []
        elif isinstance(node, ast.Call) and _name(node.func) != "Remedy":
            yield from (node.lineno for one in node.keywords if one.arg == "commands")


def _find_harmless_uses(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the called names and the names of types."""
    if isinstance(node, ast.Call):
        yield node.func
    for field in ("returns", "annotation"):
        if (within := getattr(node, field, None)) is not None:
            yield from ast.walk(within)


def _has_commands(call: ast.Call) -> bool:
    unpacked = any(isinstance(one, ast.Starred) for one in call.args)
    named = any(keyword.arg in ("commands", None) for keyword in call.keywords)
    return len(call.args) > 1 or unpacked or named


def _name(node: ast.AST) -> str:
    return getattr(node, "id", "") or getattr(node, "attr", "")


def parse_source() -> dict[str, ast.Module]:
    """Return the parsed modules by path."""
    return {
        path.relative_to(SOURCE.parent).as_posix(): ast.parse(path.read_text())
        for path in sorted(SOURCE.rglob("*.py"))
    }


def _record() -> dict[str, Any]:
    from infra.doctor.finding import Remedy

    made: dict[int, tuple[Remedy, set[Site]]] = {}  # keep the remedy, so that its id is not reused
    original = Remedy.__init__

    def record_sites(self: Remedy, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        made[id(self)] = (self, set(_list_active_calls(sys._getframe(1))))

    Remedy.__init__ = record_sites
    from tests.support.remedy_cases import FINDINGS

    remedies = [one for finding in FINDINGS for one in finding.remedies if one.commands]
    reached = {site for one in remedies for site in made[id(one)][1]}
    return {
        "sites": sorted([site.file, site.line, site.column] for site in reached),
        "commands": sorted({command for one in remedies for command in one.commands}),
    }


def _list_active_calls(frame: FrameType | None) -> Iterator[Site]:
    """Yield the calls in our source that are on the stack."""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(SOURCE):
            at = next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None))
            yield Site(path.relative_to(SOURCE.parent).as_posix(), at[0] or 0, at[2] or 0)
        frame = frame.f_back


if __name__ == "__main__":
    json.dump(_record(), sys.stdout)
