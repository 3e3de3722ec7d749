"""A word is replaced only if the change is unambiguous and its line was read."""

import subprocess
from dataclasses import replace

import pytest

from infra.compose_file.line_edits import Edit
from infra.compose_file.model import LocatedValue
from infra.doctor.remedies.line_edit import edit_line, find_line, replace_on_line
from tests.support.hosts import compose_file

TEXT = "services:\n  a:\n    image: redis:7  # 7 is old\n    cpus: 2\n"


@pytest.fixture
def file(tmp_path):
    return compose_file(tmp_path, TEXT)


def _locate(file, line: int) -> LocatedValue:
    return LocatedValue("", line, "", file.path)


def test_the_word_is_replaced_and_the_rest_of_the_line_kept(file):
    edit = replace_on_line(file, _locate(file, 4), "2", "1")

    assert edit == Edit(file.path, 4, "    cpus: 2", ("    cpus: 1",))


@pytest.mark.parametrize(
    ("line", "old", "new"),
    [
        (3, "7", "8"),  # twice on the line
        (3, "9", "8"),  # not on the line
        (4, "2", "2"),  # no change
        (4, "", "x"),
        (5, "2", "1"),  # after the last line
        (0, "2", "1"),
    ],
)
def test_an_ambiguous_change_is_not_an_edit(file, line, old, new):
    assert replace_on_line(file, _locate(file, line), old, new) is None


def test_a_line_of_a_file_that_was_not_read_is_unknown(file):
    assert find_line(file, replace(_locate(file, 1), file="other.yml")) is None


def test_a_remedy_has_the_edit_and_the_equivalent_command():
    edit = Edit("my file.yml", 4, "    cpus: 2", ("    cpus: 1",))

    remedy = edit_line("Lower it", edit, automatic=True)

    assert remedy.edits == (edit,)
    assert remedy.commands == ("sed -i.bak 4s/2/1/ 'my file.yml'",)
    assert remedy.undo == ("mv 'my file.yml.bak' 'my file.yml'",)
    assert remedy.automatic


def test_the_command_for_a_link_changes_its_target(tmp_path):
    real, link = tmp_path / "real.yml", tmp_path / "link.yml"
    real.write_text("a: 1\n")
    link.symlink_to(real.name)
    remedy = edit_line("x", Edit(str(link), 1, "a: 1", ("a: 2",)), automatic=True)

    for command in remedy.commands:
        subprocess.run(["bash", "-c", command], check=True)
    assert link.is_symlink()
    assert real.read_text() == "a: 2\n"

    for command in remedy.undo:
        subprocess.run(["bash", "-c", command], check=True)
    assert link.is_symlink()
    assert real.read_text() == "a: 1\n"
