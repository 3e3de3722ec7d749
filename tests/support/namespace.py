"""A folder that other programs do not see: it is mounted in a mount namespace of its own."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MOUNT = 'mount -t tmpfs none "$1" && echo ready && exec sleep infinity'


@dataclass(frozen=True)
class HiddenFolder:
    """The folder as this process reaches it, and the words that run a program where it is seen."""

    path: Path
    enter: Sequence[str]


@contextmanager
def hide_folder(folder: Path) -> Iterator[HiddenFolder]:
    """Mount an empty folder at `folder` that is seen in a namespace of its own alone."""
    command = ["unshare", "--mount", "sh", "-c", _MOUNT, "sh", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "ready\n"
            enter = ["nsenter", f"--target={holder.pid}", "--mount", f"--wdns={folder}"]
            yield HiddenFolder(Path(f"/proc/{holder.pid}/root{folder}"), enter)
        finally:
            holder.kill()
