"""Run every command of docs/tutorial.md."""

import pytest

from tests.support.pages import run_page
from tests.support.program import short_folder, write_config


@pytest.mark.slow
def test_the_tutorial_ends_with_a_report(tmp_path, monkeypatch):
    """The training run of the page is replaced by one that takes seconds."""
    write_config(tmp_path, {"runtime": "local"})
    with short_folder() as temporary:
        monkeypatch.setenv("TMPDIR", str(temporary))
        run_page("tutorial", tmp_path)
    assert (tmp_path / "runs/first/report.html").read_text().startswith("<!DOCTYPE html>")
