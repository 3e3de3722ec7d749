"""A run from an archive replaces an older copy and nothing else."""

import errno
import fcntl
import io
import os
import tarfile
from pathlib import Path

import pytest

from qca.core.errors import InputError
from qca.runs.run_copy import unpack_run

JOURNAL = ('{"event": "started"}\n', '{"event": "finished"}\n')


def write_run(folder: Path, journal: str, checkpoint: str = "episode-00000002") -> Path:
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / f"{checkpoint}.safetensors").write_text("weights")
    (folder / "events.jsonl").write_text(journal)
    return folder


def archive(folder: Path, block: int = 700) -> list[bytes]:
    """Return the archive of a folder as an engine sends it, in blocks of any size."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as file:
        file.add(folder, folder.name)
    data = content.getvalue()
    return [data[start : start + block] for start in range(0, len(data), block)]


def list_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_run_is_copied_completely_and_nothing_else_is_left(tmp_path):
    run = write_run(tmp_path / "far" / "first", "".join(JOURNAL))
    unpack_run(archive(run), tmp_path / "runs" / "first")
    assert list_files(tmp_path / "runs") == {f"first/{name}" for name in list_files(run)}


def test_an_older_copy_is_replaced_and_keeps_its_additions(tmp_path):
    here = write_run(tmp_path / "runs" / "first", JOURNAL[0], "episode-00000001")
    (here / "report.html").write_text("a page")
    run = write_run(tmp_path / "far" / "first", "".join(JOURNAL))
    unpack_run(archive(run), here)
    assert list_files(here) == {*list_files(run), "report.html"}


@pytest.mark.parametrize("journal", ['{"event": "another"}\n', "".join(JOURNAL) + "more\n", ""])
def test_another_run_or_one_trained_further_is_not_replaced(tmp_path, journal):
    here = write_run(tmp_path / "runs" / "first", journal)
    run = write_run(tmp_path / "far" / "first", "".join(JOURNAL))
    with pytest.raises(InputError, match="already exists; it is another run"):
        unpack_run(archive(run), here)
    assert (here / "events.jsonl").read_text() == journal
    assert [path.name for path in here.parent.iterdir()] == ["first"]


def test_a_run_that_is_trained_here_is_not_replaced(tmp_path):
    here = write_run(tmp_path / "runs" / "first", JOURNAL[0])
    run = write_run(tmp_path / "far" / "first", "".join(JOURNAL))
    with (here / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="a trainer is working"):
            unpack_run(archive(run), here)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["events.jsonl", "notes/pipe", "pipe"])
def test_a_pipe_is_refused_without_waiting(tmp_path, name):
    here = write_run(tmp_path / "runs" / "first", JOURNAL[0])
    path = here / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    run = write_run(tmp_path / "far" / "first", "".join(JOURNAL))
    with pytest.raises(InputError, match=f"{name}: a named pipe, not a plain file"):
        unpack_run(archive(run), here)
    assert list_files(tmp_path / "runs") == {f"first/{one}" for one in list_files(here)}


def test_a_truncated_archive_keeps_the_older_copy(tmp_path):
    here = write_run(tmp_path / "runs" / "first", JOURNAL[0])
    run = write_run(tmp_path / "far" / "first", "".join(JOURNAL))
    with pytest.raises(InputError, match="damaged"):
        unpack_run(archive(run)[:3], here)
    assert (here / "events.jsonl").read_text() == JOURNAL[0]


def test_an_archive_cannot_write_outside_the_folder(tmp_path):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as file:
        file.addfile(tarfile.TarInfo("../victim"))
    with pytest.raises(InputError, match="outside"):
        unpack_run([content.getvalue()], tmp_path / "runs" / "first")
    assert not list(tmp_path.rglob("victim"))


def test_an_archive_without_a_folder_is_refused(tmp_path):
    content = io.BytesIO()
    tarfile.open(fileobj=content, mode="w").close()
    with pytest.raises(InputError, match="does not contain a run folder"):
        unpack_run([content.getvalue()], tmp_path / "runs" / "first")
    assert not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize("failing", [1, 2])
def test_a_failed_replacement_keeps_the_older_copy_with_its_additions(
    tmp_path, monkeypatch, failing
):
    here = write_run(tmp_path / "runs" / "first", JOURNAL[0])
    (here / "notes").mkdir()
    (here / "notes" / "today.txt").write_text("mine")
    before = list_files(here)
    run = write_run(tmp_path / "far" / "first", "".join(JOURNAL))
    rename, calls = Path.rename, []

    def refuse(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == failing:
            raise OSError(errno.EBUSY, "Device or resource busy", str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="busy"):
        unpack_run(archive(run), here)
    assert list_files(here) == before
    assert (here / "events.jsonl").read_text() == JOURNAL[0]
    assert [path.name for path in here.parent.iterdir()] == ["first"]
