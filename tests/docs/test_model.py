"""The table of memory savings in docs/model.md matches `qca estimate`."""

import re

from click.testing import CliRunner

from qca.cli import cli
from tests.support.pages import read_page

ROW = re.compile(r"^\| `qca estimate([^`]*)` \| ([^|]+) \| ([^|]+) \|", re.M)
ROWS = ROW.findall(read_page("model"))


def test_every_row_is_what_the_command_prints(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert len(ROWS) >= 8
    for flags, peak, fits in ROWS:
        words = ["estimate", *flags.split(), "--budget", "3.68GiB"]
        printed = CliRunner().invoke(cli, words).output
        summary = dict(re.findall(r"^(predicted peak|fits) +(.*?) *$", printed, re.M))
        assert (summary["predicted peak"], summary["fits"]) == (peak.strip(), fits.strip()), flags
