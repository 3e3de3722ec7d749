"""Run every command of docs/four-gigabytes.md, and compare its table with `qca estimate`."""

import json
import shlex

import pytest

from qca.core.units import format_size
from tests.support.forks import Forked
from tests.support.pages import read_page, run_page

BUDGET = "3.68GiB"


def parse_table() -> list[list[str]]:
    rows = [row for row in read_page("four-gigabytes").splitlines() if row.startswith("| ")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_command_runs_and_prints_what_the_page_says(folder):
    run_page("four-gigabytes", folder)


@pytest.mark.parametrize("row", parse_table(), ids=lambda row: row[0])
def test_a_row_of_the_table_is_what_its_flags_print(row, tmp_path):
    _, flags, *figures = row
    words = ("--budget", BUDGET, *shlex.split(flags.strip("`")), "--format", "json")
    found = json.loads(Forked(tmp_path, {})("estimate", *words, check=None).stdout)
    peak = found["predicted_peak_bytes"]
    sizes = [format_size(peak), format_size(peak + found["context_bytes"])]
    assert figures == [*sizes, "yes" if found["fits"] else "no"]
