"""A folder that other programs cannot see, since it is mounted in its own mount namespace."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MOUNT = 'mount -t tmpfs none "$1" && echo ready && exec sleep infinity'


@dataclass(frozen=True)
class HiddenFolder:
    """The path of the folder for this process, and the command prefix for programs that see it."""

    path: Path
    enter: Sequence[str]


@contextmanager
def hide_folder(folder: Path) -> Iterator[HiddenFolder]:
    """Mount an empty folder at `folder` that is visible only in its own namespace."""
    command = ["unshare", "--mount", "sh", "-c", _MOUNT, "sh", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "ready\n"
            enter = ["nsenter", f"--target={holder.pid}", "--mount", f"--wdns={folder}"]
            yield HiddenFolder(Path(f"/proc/{holder.pid}/root{folder}"), enter)
        finally:
            holder.kill()
