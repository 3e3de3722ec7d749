"""Edits change only the intended lines, all of them or none, and are shown without secrets."""

import re

import pytest

from infra.compose_file.line_edits import Edit, apply_edits, format_diff, restore_files
from qca.core.errors import QcaError


def test_a_link_and_a_mode_are_kept(tmp_path):
    real = tmp_path / "real.yml"
    real.write_text("one\n")
    real.chmod(0o640)
    link = tmp_path / "link.yml"
    link.symlink_to(real)

    before = apply_edits([Edit(str(link), 1, "one", ("two",))])

    assert link.is_symlink()
    assert real.read_text() == "two\n"
    assert real.stat().st_mode & 0o777 == 0o640
    restore_files(before)
    assert real.read_text() == "one\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yml", "real.yml"]


def test_nothing_is_written_if_one_of_several_edits_does_not_fit(tmp_path):
    (tmp_path / "a").write_text("one\n")
    edits = [Edit(str(tmp_path / "a"), 1, "one", ("two",)), Edit(str(tmp_path / "b"), 1, "x", ())]

    with pytest.raises(QcaError):
        apply_edits(edits)
    assert (tmp_path / "a").read_text() == "one\n"


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("command: --secret=a --x=1", "command: --secret=a --x=2", "... --x={}"),
        ("command: --x=1 --pass 'hun ter'", "command: --x=2 --pass 'hun ter'", "--x={} ..."),
        ("  a: {c: --x=1, env: {K: hun}}", "  a: {c: --x=2, env: {K: hun}}", "... --x={} ..."),
        ("  mem_limit: 1", "  mem_limit: 2", "{}"),
        ("  - --x=1", "  - --x=2", "--x={}"),
    ],
)
def test_a_diff_shows_the_key_and_the_changed_words(old, new, shown):
    key = re.match(r"\s*(- |\w+: )", old)
    assert key is not None
    before, after = format_diff([Edit("a.yml", 7, old, (new,))]).splitlines()[-2:]
    assert before == f"-{key[0]}{shown.format(1)}"
    assert after == f"+{key[0]}{shown.format(2)}"


def test_a_diff_of_added_words_and_lines():
    inserted = Edit("a.yml", 7, "command: hunter2 b", ("command: hunter2 --x=1 b",))
    assert format_diff([inserted]).splitlines() == [
        *("--- a.yml", "+++ a.yml", "@@ -7 +7 @@"),
        "-command: ...",
        "+command: ... --x=1 ...",
    ]
    added = Edit("a.yml", 7, "  - hunter2", ("  - hunter2", "  - --x=1"))
    assert format_diff([added]).splitlines()[-1] == "+  - --x=1"
    assert "hunter2" not in format_diff([added])


def test_no_edits_have_no_diff():
    assert format_diff([]) == ""
