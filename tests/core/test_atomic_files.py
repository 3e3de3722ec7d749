import pytest

from qca.core.atomic_files import remove_unfinished, replace_file, write_atomically
from qca.core.errors import LaunchError


def test_the_new_content_replaces_the_old(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_changed_or_left_behind_when_writing_fails(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, "old")

    def fail() -> None:
        with replace_file(path) as unfinished:
            unfinished.write_text("ne")
            assert path.read_text() == "old"
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, "whole")
    writing = replace_file(path)
    writing.__enter__().write_text("half")
    remove_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_has_its_mode_from_the_start(tmp_path):
    path = tmp_path / "secret"
    write_atomically(path, "s3cret", mode=0o400)
    assert path.stat().st_mode & 0o777 == 0o400


def test_a_folder_that_cannot_be_made_is_told_with_the_next_step(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LaunchError, match="cannot write") as refused:
        write_atomically(tmp_path / "file" / "below", "text")
    assert "permissions" in refused.value.hint
