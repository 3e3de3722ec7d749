"""The live probe of the work folder: a container reads and writes in a subfolder."""

import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Literal

from infra.host.errors import ProbeError, describe_error
from infra.host.facts import FolderMount
from infra.stack.live.cleanup import EXPIRY_SECONDS
from infra.stack.live.sandbox import ContainerRefusedError, ContainerRequest, Sandbox
from infra.stack.live.shell import run_script
from infra.stack.run_storage import RunStorage
from infra.stack.secret import find_secret_owner

_PREFIX = ".qca-deep-"
_TARGET = "/folder"
_UNREADABLE, _UNWRITABLE = 3, 4
_FAULTS: dict[int, Literal["unreadable", "unwritable"]] = {
    _UNREADABLE: "unreadable",
    _UNWRITABLE: "unwritable",
}
_READ_AND_WRITE = (
    f'[ "$(cat {_TARGET}/question)" = "$1" ] || exit {_UNREADABLE}; '
    f'echo "$1" > {_TARGET}/answer || exit {_UNWRITABLE}'
)


@contextlib.contextmanager
def make_folder(work_dir: Path) -> Generator[Path]:
    """Create a subfolder like a run's, yield it, and remove it with its contents at the end.

    Raises:
        ProbeError: this user cannot write to `work_dir`.

    """
    _remove_expired(work_dir)
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=work_dir))
    except OSError as error:
        raise ProbeError(f"cannot create a folder in {work_dir}: {describe_error(error)}") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_expired(work_dir: Path) -> None:
    """Remove the folders left behind by an examination that was killed."""
    for folder in work_dir.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.lstat().st_mtime + EXPIRY_SECONDS < time.time():
                shutil.rmtree(folder, ignore_errors=True)


def try_folder(
    sandbox: Sandbox, image: str, storage: RunStorage, folder: Path, seconds: float
) -> FolderMount:
    """Return whether the containers' user can read and write in `folder`."""
    token = secrets.token_hex(16)
    (folder / "question").write_text(token)
    if os.geteuid() == 0:  # as ensure_run_folder does
        for path in (folder, folder / "question"):
            os.chown(path, *find_secret_owner())
    user = format_user(storage)
    limits: dict[str, Any] = {"userns_mode": "host" if storage.is_remapped else None}
    request = ContainerRequest(
        image=image, command=[], user=user, limits={**limits, **_mount(folder, storage)}
    )
    try:
        outcome = run_script(sandbox, request, _READ_AND_WRITE, [token], seconds)
    except ContainerRefusedError as error:
        return FolderMount(image=image, user=user, fault="refused", detail=str(error))
    if outcome.exit_code not in (0, *_FAULTS):
        raise ProbeError(f"the script exited with code {outcome.exit_code}: {outcome.output}")
    is_here = outcome.exit_code != 0 or _has_answer(folder, token)
    fault = _FAULTS.get(outcome.exit_code) if is_here else "elsewhere"
    return FolderMount(image=image, user=user, fault=fault, detail=outcome.output)


def format_user(storage: RunStorage) -> str:
    """Return the user of the stack's containers in Docker's format."""
    uid, gid = storage.find_container_user()
    return f"{uid}:{gid}"


def _mount(folder: Path, storage: RunStorage) -> dict[str, Any]:
    if storage.has_selinux:  # only this older syntax can set the SELinux label
        return {"binds": [f"{folder}:{_TARGET}:z"]}
    return {"mounts": [{"Type": "bind", "Source": str(folder), "Target": _TARGET}]}


def _has_answer(folder: Path, token: str) -> bool:
    try:
        return (folder / "answer").read_text().strip() == token
    except OSError:
        return False
