"""The progress of a long computation if stderr is not a terminal."""

from qca.cli import step_progress
from qca.cli.step_progress import show_steps


def test_lines_are_printed_at_intervals(monkeypatch, capsys):
    clock = iter([0.0, 1.0, 6.0, 7.0, 12.0])
    monkeypatch.setattr(step_progress.time, "monotonic", lambda: next(clock))
    with show_steps("first", 2000) as on_steps:
        for _ in range(4):
            on_steps(250)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "first: 500 of 2,000 steps (25%), about 18 s left",
        "first: 1,000 of 2,000 steps (50%), about 12 s left",
    ]
