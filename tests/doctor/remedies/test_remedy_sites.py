"""Every command that a remedy can print is run by a test.

If this fails, add a host or a file to `remedy_cases` that triggers the new remedy.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.remedy_cases import COMMANDS, EDITS
from tests.support.remedy_sites import Site, find_loose_ends, find_sites, parse_source


@pytest.fixture(scope="module")
def record() -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.remedy_sites"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout)


def test_every_place_that_creates_a_remedy_with_commands_is_reached(record):
    reached = {Site(*place) for place in record["sites"]}

    assert [str(site) for site in sorted(find_sites(parse_source()) - reached)] == []


def test_the_printed_commands_are_those_that_are_run(record):
    run = {*COMMANDS, *(command for _, remedy in EDITS for command in remedy.commands)}

    assert set(record["commands"]) <= run


def test_remedies_are_created_in_no_other_way():
    assert find_loose_ends(parse_source()) == []


def _parse(text: str) -> dict[str, ast.Module]:
    return {"a.py": ast.parse(text)}


@pytest.mark.parametrize(
    "text",
    [
        "Remedy('t', ('ls',))",
        "check.Remedy('t', commands=('ls',))",
        "Remedy(*both)",
        "Remedy(**all)",
        "X = {'a': [Remedy('t', ('ls',))]}",
        "def f():\n    return lambda: Remedy('t', ('ls',))",
        "def _end(pid) -> Remedy | None: ...\nends = [_end(pid) for pid in pids]",
        "def ends() -> tuple[Remedy, ...]: ...\nx = (*ends(),)",
    ],
)
def test_a_place_is_a_call_that_creates_a_remedy(text):
    assert len(find_sites(_parse(text))) == 1


@pytest.mark.parametrize(
    "text", ["Remedy('t')", "Remedy('t', breaks='x')", "def f() -> Remedy: ..."]
)
def test_a_remedy_without_commands_is_not_a_place(text):
    assert find_sites(_parse(text)) == set()


@pytest.mark.parametrize(
    "text",
    [
        "make = Remedy",
        "make = partial(check.Remedy, 't')",
        "map(Remedy, titles)",
        "from infra.doctor.finding import Remedy as R",
        "replace(remedy, commands=('ls',))",
    ],
)
def test_another_way_to_create_a_remedy_is_found(text):
    assert find_loose_ends(_parse(text)) == ["a.py:1"]


@pytest.mark.parametrize(
    "text",
    [
        "Remedy('t', commands=('ls',))",
        "def f(x: Remedy) -> dict[str, Remedy]: ...",
        "x: tuple[Remedy, ...] = ()",
        "from infra.doctor.finding import Remedy",
        "class Remedy: ...",
    ],
)
def test_types_and_plain_calls_are_ignored(text):
    assert find_loose_ends(_parse(text)) == []
