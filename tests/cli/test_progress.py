"""The bar of a training run on a terminal."""

import re

import click
import pytest
from rich.progress import Progress

from qca.cli import cli
from qca.cli.event_text import describe_event
from qca.cli.progress import ProgressView
from qca.core.units import format_time_left
from qca.runs.events import Finished, Skipped
from tests.support.run_folders import make_started, record


@pytest.fixture(params=[60, 80, 100])
def columns(request, monkeypatch) -> int:
    """The width of the terminal that stderr pretends to be."""
    for name, value in {"COLUMNS": request.param, "TTY_COMPATIBLE": 1, "FORCE_COLOR": 1}.items():
        monkeypatch.setenv(name, str(value))
    return request.param


def show(*, restarted: bool = False) -> None:
    with ProgressView() as view:
        view.show(make_started())
        view.show(record(2))
        if restarted:
            view.show(make_started(2))
        view.show(record(5))
        view.show(Finished(reason="complete", episodes=5))
        view.say("Run folder: runs/first")


def test_quiet_shows_only_problems(columns, capsys):
    started = make_started().model_copy(update={"warnings": ("the disk is slow",)})
    with click.Context(cli, info_name="qca") as context:
        context.meta["qca.quiet"] = True
        with ProgressView() as view:
            for event in (
                started,
                record(1),
                Skipped(episode=2, because="the loss is not finite", loss_scale=1),
            ):
                view.show(event)
            view.show(Finished(reason="complete", episodes=5))
            view.note("Run folder: runs/first")
    assert capsys.readouterr().err.splitlines() == [
        "Note: the disk is slow",
        "Skipped episode 2: the loss is not finite.",
    ]


def test_the_bar_ends_above_the_closing_lines(columns, capsys):
    show()
    text = capsys.readouterr().err
    assert text.rindex("5/5") < text.index("Done: 5 episodes.") < text.index("Run folder:")


def test_the_bar_shows_as_many_numbers_as_fit(columns, capsys):
    show()
    last = capsys.readouterr().err.rpartition("5/5")[2].splitlines()[0]
    shown = [number for number in ("loss 0.8", "10 steps/s", "300 MiB") if number in last]
    assert len(shown) == {60: 1, 80: 2, 100: 3}[columns]


def test_a_signal_while_the_bar_starts_leaves_the_cursor_shown(columns, capsys, monkeypatch):
    start = Progress.start

    def start_and_interrupt(progress: Progress) -> None:
        start(progress)
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "start", start_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        show()
    text = capsys.readouterr().err
    assert -1 < text.rfind("\x1b[?25l") < text.rfind("\x1b[?25h")


def test_words_of_a_message_are_not_broken(columns, capsys):
    [line] = describe_event(make_started())
    with ProgressView() as view:
        view.say(line)
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", " ", capsys.readouterr().err)
    assert shown.split() == line.split()
    assert all(len(row.strip()) <= columns for row in shown.splitlines())


def test_a_message_in_a_file_is_one_line(capsys):
    [line] = describe_event(make_started())
    with ProgressView() as view:
        view.say(line)
    assert capsys.readouterr().err == f"{line}\n"


def test_a_restarted_trainer_has_no_second_bar(columns, capsys):
    show(restarted=True)
    end = capsys.readouterr().err.rpartition("\x1b[?25h")[0]
    assert end.rpartition("\x1b[2K")[2].count("5/5") == 1
    assert "2/5" not in end.rpartition("\x1b[2K")[2]


@pytest.mark.parametrize(
    ("seconds", "text"), [(7.4, "7 s"), (60, "1 min"), (7140, "119 min"), (11100, "3 h 05 min")]
)
def test_the_remaining_time_is_shown(seconds, text):
    assert format_time_left(seconds) == text
