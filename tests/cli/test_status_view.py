"""The output of `qca status` on a terminal."""

import io
import re

import pytest
from rich.console import Console

from infra.stack.services import ServiceStatus
from qca.cli.status_view import draw_sparkline, render_status
from qca.core.units import GIB
from qca.runs.progress import Expectation, summarize_progress
from tests.support.run_folders import record

TITLE = "run first, runtime local, project qca"
SERVICES = [
    ServiceStatus("trainer", "running", health="healthy", exit_code=None),
    ServiceStatus("store", "exited", health=None, exit_code=1),
]
EXPECTED = Expectation(
    episodes=60, predicted_peak_bytes=GIB // 4, context_bytes=0, budget_bytes=GIB
)
RECORDS = [record(number) for number in range(1, 31)]


def show(width: int, *, bar: bool = True, color: bool = False) -> str:
    progress = summarize_progress(RECORDS, EXPECTED, running=True)
    system = "standard" if color else None
    console = Console(file=io.StringIO(), width=width, force_terminal=color, color_system=system)
    console.print(render_status(TITLE, SERVICES, progress, bar=bar))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("values", "drawn"),
    [([1, 1, 1], "▁▁▁"), ([8, 1], "█▁"), ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█")],
)
def test_a_sparkline_goes_from_the_lowest_to_the_highest(values, drawn):
    assert draw_sparkline(values) == drawn


@pytest.mark.parametrize("width", [60, 80, 100])
def test_words_are_not_broken_at_the_terminals_width(width):
    assert set(show(width).split()) == set(show(300).split())


def test_a_terminal_gets_the_curve_of_the_loss_and_two_bars():
    text = show(80)
    assert "▁  the last 20 episodes" in text
    assert text.count("━" * 7) >= 2


def test_without_a_terminal_there_is_neither():
    assert not {*"▁━"} & {*show(80, bar=False)}


def test_a_state_has_its_color():
    text = show(80, color=True)
    assert "\x1b[32mhealthy" in text
    assert "\x1b[31mexited (1)" in text


def test_a_launch_of_zero_episodes_has_no_share():
    progress = summarize_progress(RECORDS, Expectation(episodes=0), running=False)
    console = Console(file=io.StringIO(), width=80)
    console.print(render_status(TITLE, SERVICES, progress, bar=True))
    assert isinstance(console.file, io.StringIO)
    assert re.search(r"episode +30 *\n", console.file.getvalue())
