"""Run every command of docs/two-machines.md that needs no second machine."""

import pytest

from tests.support.pages import run_page


@pytest.mark.slow
def test_every_command_of_two_machines_runs(folder):
    run_page("two-machines", folder)
    assert (folder / "runs" / "pair" / "metrics.jsonl").read_text().count("\n") == 6
