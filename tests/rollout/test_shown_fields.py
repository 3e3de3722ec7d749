"""The default fields of a rollout, and its description."""

from pathlib import Path

import pytest

from qca.rollout.describe import describe_rollout
from qca.rollout.request import make_request
from qca.rollout.shown_fields import choose_fields
from tests.support.automata import lively_automaton


@pytest.mark.parametrize(
    ("format_", "grid", "first", "last", "count"),
    [
        ("html", (8, 8), "density:0", "asymmetry", 9),
        ("html", (8, 12), "density:0", "change", 8),
        ("gif", (8, 8), "density:0", "density:0", 1),
    ],
)
def test_a_page_has_many_fields_and_a_picture_one(format_, grid, first, last, count):
    names = [chosen.name for chosen in choose_fields([], format_, grid, 3)]
    assert (names[0], names[-1], len(names)) == (first, last, count)


def test_the_requested_fields_are_shown():
    chosen = choose_fields(["phase:2", "entropy"], "html", (8, 8), 3)
    assert [one.name for one in chosen] == ["phase:2", "entropy"]


def test_the_description_names_omitted_frames_and_cells(tmp_path):
    automaton = lively_automaton(tmp_path / "first")
    fields = choose_fields([], "html", (8, 8), 3)
    short, long = (
        make_request(Path("a.html"), steps, grid, every, fields, 25)
        for steps, grid, every in ((5, (8, 8), None), (900, (256, 256), 300))
    )
    assert describe_rollout(automaton, short, 5) == (
        "The automaton after 6 episodes; 8\u00d78 cells of 3 components, 5 steps."
    )
    assert describe_rollout(automaton, long, 900).endswith(
        "900 steps; a frame every 300 steps; one in every 2 cells along each axis."
    )
    assert "components, 450 of 900 steps;" in describe_rollout(automaton, long, 450)
    automaton.episode = 1
    assert describe_rollout(automaton, short, 5).startswith("The automaton after 1 episode; ")
