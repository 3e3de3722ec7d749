"""Measure the file systems that the stack writes to."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeGuard

from infra.host.errors import ProbeError, describe_error
from infra.host.facts import Disk, DockerFacts, Engine

# The default folder of containerd's images; a containerd that dockerd starts uses a folder inside
# dockerd's (moby, daemon/internal/libcontainerd/supervisor).
_CONTAINERD = "var/lib/containerd"
_OWN_CONTAINERD = "containerd/daemon"


def probe(
    work_dir: Path, wait_for_docker: Callable[[], DockerFacts], root: Path = Path("/")
) -> tuple[Disk, ...]:
    """Return the disks of the work folder, the temporary folder and Docker's root folder.

    If containerd keeps the images elsewhere, its disk is included. `wait_for_docker` returns the
    result of the Docker probe; if that failed, Docker's disks are omitted.
    """
    disks = [
        _measure_disk("work", work_dir),
        _measure_disk("temporary", Path(tempfile.gettempdir())),
    ]
    try:
        engine = wait_for_docker()
    except ProbeError:
        return tuple(disks)  # the fact about Docker has the reason
    if _is_on_this_host(engine):
        disks.append(_measure_disk("docker", Path(engine.root_dir)))
        if engine.uses_containerd_images:
            disks += _measure_containerd(Path(engine.root_dir), root / _CONTAINERD)
    return tuple(disks)


def _measure_containerd(docker: Path, containerd: Path) -> list[Disk]:
    """Return the disk of containerd's images, or nothing if its folder cannot be determined."""
    folder = docker / _OWN_CONTAINERD
    found = folder if _is_visible(str(folder)) else containerd
    return [_measure_disk("images", found)] if _is_visible(str(found)) else []


def _is_on_this_host(engine: DockerFacts) -> TypeGuard[Engine]:
    return isinstance(engine, Engine) and not engine.is_elsewhere and _is_visible(engine.root_dir)


def _is_visible(path: str) -> bool:
    try:
        return bool(path) and Path(path).exists()
    except OSError:  # this user may not enter a folder on the path
        return False


def _measure_disk(purpose: Literal["work", "docker", "images", "temporary"], path: Path) -> Disk:
    """Measure the file system of `path`, which need not exist yet."""
    path = path.absolute()
    existing = next((folder for folder in (path, *path.parents) if _is_visible(str(folder))), path)
    try:
        usage = shutil.disk_usage(existing)
    except OSError as error:
        raise ProbeError(
            f"the free space at {existing} could not be read: {describe_error(error)}"
        ) from None
    fault = _find_write_fault(existing) if purpose == "work" else None
    return Disk(
        purpose=purpose, path=str(path), total=usage.total, free=usage.free, write_fault=fault
    )


def _find_write_fault(folder: Path) -> Literal["none", "read-only", "no-permission"]:
    if os.access(folder, os.W_OK | os.X_OK):  # false for root too if it is read-only
        return "none"
    is_read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
    return "read-only" if is_read_only else "no-permission"
