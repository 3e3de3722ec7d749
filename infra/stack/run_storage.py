"""Where a trainer's container keeps its run: in the user's own folder, or in a named volume."""

import os
from dataclasses import dataclass
from pathlib import Path

from infra.host.facts import Engine, HostFacts, known_or_none
from infra.stack.secret import find_secret_owner
from qca.core.errors import LaunchError
from qca.core.plain_files import check_own_folder


@dataclass(frozen=True, kw_only=True)
class RunStorage:
    """How a container gets at its run, and as whom."""

    volume: str | None = None
    """The named volume that holds the runs; None if the run is a folder of this machine."""
    is_rootless: bool = False
    """Whether root in a container is the user that the engine runs as."""
    is_remapped: bool = False
    """Whether the engine gives the users in its containers other numbers (userns-remap)."""
    has_selinux: bool = False
    """Whether a folder needs SELinux's label of containers."""

    def find_container_user(self) -> tuple[int, int]:
        """Return as whom the containers run: the user whose files they work on, and the group."""
        return (0, 0) if self.is_rootless else find_secret_owner()


def name_volume(project: str) -> str:
    """Return the volume that keeps a project's runs where the engine has files of its own."""
    return f"{project}_runs"


def name_secret_volume(project: str) -> str:
    """Return the volume that holds the store's password where the engine has files of its own."""
    return f"{project}_secret"


def plan_storage(facts: HostFacts, project: str) -> RunStorage:
    """Return where the runs are kept, judged by the engine's address and its security options.

    `launch.prepare` asks the engine itself whether it has this machine's files.
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
    """Make the run's folder, and let the containers' user write there.

    Started by root, the containers run as an ordinary user, who is given what is in the folder.

    Raises:
        LaunchError: it cannot be made, or belongs to another user.

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
            hint="The trainer's container writes its run there as you; fix the folder, or start "
            "another run with --run NAME.",
        ) from None


def _give_away(folder: Path, owner: tuple[int, int]) -> None:
    """Change the owner of the folder and all in it; a link itself, never what it leads to."""
    for parent, _, names, descriptor in os.fwalk(folder, follow_symlinks=False):
        os.fchown(descriptor, *owner)
        for name in names:
            path = Path(parent, name)
            if path.lstat().st_uid != owner[0]:
                os.chown(name, *owner, dir_fd=descriptor, follow_symlinks=False)
