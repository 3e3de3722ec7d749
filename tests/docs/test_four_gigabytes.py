"""Run every command of docs/four-gigabytes.md, and compare its table with `qca estimate`."""

import shlex

import pytest

from qca.core.config_loader import load_config
from qca.core.units import format_size, parse_size
from qca.memory.budget import estimate
from tests.support.machines import GPU
from tests.support.pages import read_page, run_page


def parse_table() -> list[list[str]]:
    rows = [row for row in read_page("four-gigabytes").splitlines() if row.startswith("| ")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_command_runs_and_prints_what_the_page_says(folder):
    run_page("four-gigabytes", folder)


@pytest.mark.parametrize("row", parse_table(), ids=lambda row: row[0])
def test_the_table_of_options_matches_the_estimate(row):
    _, flags, *figures = row
    words = shlex.split(flags.strip("`"))
    options = {
        key.lstrip("-").replace("-", "_"): value
        for key, value in zip(words[::2], words[1::2], strict=True)
    }
    train = load_config(flags={"train": options}, environment={}).train
    assert train.recompute != "auto"
    estimated = estimate(train, recompute=train.recompute, machine=GPU)
    fits = "yes" if estimated.fits(parse_size("3.68GiB")) else "no"
    sizes = [format_size(estimated.predicted_peak_bytes), format_size(estimated.total_bytes)]
    assert figures == [*sizes, fits]
