"""Each row of docs/durability.md names its tests, which exist."""

import re

import pytest

from tests.support.pages import ROOT, read_page

TABLE = read_page("durability").split("## Checkpoints")[0]
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ")][2:]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_each_row_has_tests(row):
    *_, shown_by, _ = row.split("|")
    assert "`" in shown_by
    for file, name in re.findall(r"`(tests/\S+)::(\w+)`", row):
        assert f"\ndef {name}(" in (ROOT / file).read_text()
