import os
import subprocess
import sys
from pathlib import Path

import pytest

from qca.core.atomic_files import remove_unfinished, replace_file, write_atomically
from qca.core.errors import LaunchError


def test_the_new_content_replaces_the_old(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_changes_nothing_and_leaves_nothing(tmp_path):
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


def test_only_the_leftovers_of_killed_processes_are_removed(tmp_path):
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


def test_the_error_for_a_folder_that_cannot_be_created_has_a_hint(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LaunchError, match="cannot write") as refused:
        write_atomically(tmp_path / "file" / "below", "text")
    assert "permissions" in refused.value.hint


def test_the_name_of_the_temporary_file_is_unpredictable(tmp_path):
    """With a predictable name, the target of a link with that name would be overwritten."""
    victim, path = tmp_path / "victim", tmp_path / "file"
    victim.write_text("precious")
    (tmp_path / "file.qca-unfinished").symlink_to(victim)
    write_atomically(path, "new")
    assert victim.read_text() == "precious"
    assert not path.is_symlink()
    assert path.read_text() == "new"


def test_a_link_is_refused_with_its_target(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "file").symlink_to(victim)
    with pytest.raises(
        LaunchError, match=f"it is a symbolic link; name its target instead: {victim}"
    ):
        write_atomically(tmp_path / "file", "new")
    assert victim.read_text() == "precious"


def test_a_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path, Path()):
        with pytest.raises(LaunchError, match="a folder, not a plain file"):
            write_atomically(path, "text")


@pytest.mark.parametrize("target", ["/dev/null", "victim"])
def test_links_and_devices_are_not_replaced(tmp_path, target):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "file").symlink_to(target)
    with pytest.raises(OSError, match="a symbolic link"), replace_file(tmp_path / "file"):
        pass
    with pytest.raises(OSError, match="a device"), replace_file(Path("/dev/null")):
        pass
    assert (tmp_path / "file").is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_device_is_written_to_and_stays_a_device(tmp_path):
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o20666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root can make a device")
    try:
        write_atomically(device, "text")
    except LaunchError as refused:
        pytest.skip(refused.message)  # the file system does not support devices
    assert device.is_char_device()


def test_a_pipe_with_a_reader_gets_the_text(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(pipe, "text")
    assert os.read(reader, 100) == b"text"
    assert pipe.is_fifo()
    os.close(reader)


def test_a_pipe_without_a_reader_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LaunchError, match="no program reads from it"):
        write_atomically(tmp_path / "pipe", "text")


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_an_open_descriptor_is_written_to_at_its_position(tmp_path, name):
    write = "from pathlib import Path; from qca.core.atomic_files import write_atomically as w"
    code = f"{write}; print('before', flush=True); w(Path({name!r}), 'text')"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\ntext"
    assert Path("/dev/stdout").is_symlink()


def test_the_next_write_removes_leftovers_but_not_unfinished_files(tmp_path):
    killed = """
import os, signal
from pathlib import Path
from qca.core.atomic_files import replace_file
with replace_file(Path("file")) as unfinished:
    unfinished.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", killed], cwd=tmp_path, check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with replace_file(tmp_path / "other") as unfinished:
        unfinished.write_text("whole")
        write_atomically(tmp_path / "file", "new")
        assert unfinished.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "other"]


def test_the_scratch_files_of_a_library_are_removed_too(tmp_path):
    writing = replace_file(tmp_path / "file")
    unfinished = writing.__enter__()
    (unfinished.parent / ".tmpAbC123").write_text("half, under a name of the library's own")
    (tmp_path / ".tmpxYz789").write_text("as 0.1.0 left it")
    (tmp_path / ".tmpfile").write_text("somebody's")
    remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".tmpfile"]


@pytest.mark.parametrize("name", ["loop", "loop/1"])
def test_a_link_to_itself_is_refused(tmp_path, name):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(LaunchError, match="cannot write"):
        write_atomically(tmp_path / name, "text")
