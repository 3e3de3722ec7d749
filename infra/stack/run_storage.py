"""Choose where a trainer's container stores its run: in the user's folder, or in a named volume."""

import os
from dataclasses import dataclass
from pathlib import Path

from infra.host.facts import Engine, HostFacts, known_or_none
from infra.stack.secret import find_secret_owner
from qca.core.errors import LaunchError
from qca.core.plain_files import check_own_folder


@dataclass(frozen=True, kw_only=True)
class RunStorage:
    """The folder or volume of a run, and the user of the containers."""

    volume: str | None = None
    """The named volume with the runs; None if the run is a folder on this machine."""
    is_rootless: bool = False
    """Whether root in a container is the user that the engine runs as."""
    is_remapped: bool = False
    """Whether the engine maps the user IDs in its containers to others (userns-remap)."""
    has_selinux: bool = False
    """Whether a mounted folder needs SELinux's container label."""

    def find_container_user(self) -> tuple[int, int]:
        """Return the user and group that the containers run as and that own the files they use."""
        return (0, 0) if self.is_rootless else find_secret_owner()


def name_volume(project: str) -> str:
    """Return the name of the volume with a project's runs, for a remote engine."""
    return f"{project}_runs"


def name_secret_volume(project: str) -> str:
    """Return the name of the volume with the store's password, for a remote engine."""
    return f"{project}_secret"


def plan_storage(facts: HostFacts, project: str) -> RunStorage:
    """Return the storage of runs, derived from the engine's address and its security options.

    Docker Desktop is not remote here, because its VM mounts the user's folders. Before a launch,
    `launch_compose.settle_storage` tests whether a remote engine has this machine's files.
    """
    found = known_or_none(facts.docker)
    if not isinstance(found, Engine):
        return RunStorage()
    options = {option.partition(",")[0] for option in found.security_options}
    return RunStorage(
        volume=None if found.host.startswith("unix://") else name_volume(project),
        is_rootless="name=rootless" in options,
        is_remapped="name=userns" in options,
        has_selinux="name=selinux" in options,
    )


def ensure_run_folder(folder: Path) -> None:
    """Create the run's folder, and make it writable by the containers' user.

    If root starts them, the containers run as an ordinary user, who becomes the owner of the
    folder's contents.

    Raises:
        LaunchError: the folder cannot be created, or belongs to another user.

    """
    try:
        check_own_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            _give_away(folder, find_secret_owner())
        elif not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, f"belongs to user {folder.stat().st_uid}", str(folder))
    except OSError as error:
        raise LaunchError(
            f"{error.filename}: {error.strerror}",
            hint="The trainer's container writes its run there with your user ID; fix the folder, "
            "or start another run with --run NAME.",
        ) from None


def _give_away(folder: Path, owner: tuple[int, int]) -> None:
    """Change the owner of the folder and its contents; do not follow links."""
    for parent, _, names, descriptor in os.fwalk(folder, follow_symlinks=False):
        os.fchown(descriptor, *owner)
        for name in names:
            path = Path(parent, name)
            if path.lstat().st_uid != owner[0]:
                os.chown(name, *owner, dir_fd=descriptor, follow_symlinks=False)
