import pytest

from qca.train.files import remove_unfinished, replacing, write_text


def test_the_new_content_replaces_the_old(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")
    write_text(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_changed_or_left_behind_when_writing_fails(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")

    def fail() -> None:
        with replacing(path) as unfinished:
            unfinished.write_text("ne")
            assert path.read_text() == "old"
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_text(path, "whole")
    writing = replacing(path)
    writing.__enter__().write_text("half")
    remove_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
