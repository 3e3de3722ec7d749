"""Unpack a run from a tar archive into its folder."""

import shutil
import tarfile
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path

from qca.core.errors import InputError
from qca.core.plain_files import check_plain, open_plain
from qca.runs.run_folder import RunFolder


def unpack_run(chunks: Iterable[bytes], folder: Path) -> None:
    """Unpack the archive of one run folder as `folder`, replacing an older copy.

    A copy is older if its journal is a prefix of the new one's. Files that were added to the older
    copy, such as a report, are kept. If anything fails, the older copy stays unchanged.

    Raises:
        InputError: the archive is damaged, or `folder` holds another run or was trained further
            here.

    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        new = _extract(chunks, Path(temporary))
        if folder.exists():
            _require_older_copy(folder, new)
            _copy_additions(folder, new)
            _exchange(folder, new, before=Path(temporary) / ".before")
        else:
            new.rename(folder)


def _extract(chunks: Iterable[bytes], target: Path) -> Path:
    """Return the folder that the archive holds, unpacked in `target`."""
    try:
        with tarfile.open(fileobj=_ChunkReader(iter(chunks)), mode="r|") as archive:
            archive.extractall(target, filter="data")
    except tarfile.TarError as error:
        raise InputError(f"the copy of the run is damaged: {error}", hint="Try again.") from None
    folder = next(target.iterdir(), None)
    if folder is None or not folder.is_dir():
        raise InputError("the archive does not contain a run folder", hint="Try again.")
    return folder


def _require_older_copy(folder: Path, new: Path) -> None:
    here = RunFolder(folder)
    if here.is_held():
        raise InputError(f"{folder}: a trainer is working on this run", hint="Stop it first.")
    journal, arrived = _read_journal(folder), _read_journal(new)
    if not arrived.startswith(journal) or (here.is_used() and not journal):
        raise InputError(
            f"{folder}: already exists; it is another run, or was trained further here",
            hint="Rename it, or choose another folder with --runs.",
        )


def _copy_additions(folder: Path, new: Path) -> None:
    for path in folder.iterdir():
        if (new / path.name).exists():
            continue
        if path.is_symlink():
            shutil.copy2(path, new / path.name, follow_symlinks=False)
        elif path.is_dir():
            shutil.copytree(path, new / path.name, symlinks=True, copy_function=_copy_plain)
        else:
            _copy_plain(path, new / path.name)


def _copy_plain(source: str | Path, target: str | Path) -> None:
    """Copy a file with its times.

    Raises:
        InputError: it is a pipe or a device, which might never end.

    """
    with _refuse_odd_file():
        check_plain(Path(source), follow=False)
    shutil.copy2(source, target)


@contextmanager
def _refuse_odd_file() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{error.filename}: {error.strerror}", hint="Inspect it, and move it elsewhere."
        ) from None


def _exchange(folder: Path, new: Path, *, before: Path) -> None:
    """Replace `folder` with `new` and move the old one to `before`; undo this if it fails."""
    try:
        folder.rename(before)
        new.rename(folder)
    except BaseException:
        if before.exists() and not folder.exists():
            before.rename(folder)
        raise


def _read_journal(folder: Path) -> bytes:
    journal = RunFolder(folder).events
    if not journal.exists():
        return b""
    with _refuse_odd_file(), open_plain(journal, follow=False) as file:
        return file.read()


class _ChunkReader(RawIOBase):
    """A file of chunks, from which `tarfile` can read blocks of any size."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (chunk := next(self._chunks, b"")):
            self._rest += chunk
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken
