"""The table of docs/model.md on what each way to save memory buys is what `qca estimate` says."""

import re
from pathlib import Path

from click.testing import CliRunner

from qca.cli import cli

PAGE = (Path(__file__).parents[2] / "docs" / "model.md").read_text()
ROWS = re.findall(r"^\| `qca estimate([^`]*)` \| ([^|]+) \| ([^|]+) \|", PAGE, re.M)


def test_every_row_is_what_the_command_prints(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert len(ROWS) >= 8
    for flags, peak, fits in ROWS:
        words = ["estimate", *flags.split(), "--budget", "3.68GiB"]
        printed = CliRunner().invoke(cli, words).output
        told = dict(re.findall(r"^(predicted peak|fits) +(.*?) *$", printed, re.M))
        assert (told["predicted peak"], told["fits"]) == (peak.strip(), fits.strip()), flags
