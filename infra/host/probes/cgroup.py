"""Read the limits of this process's control groups, v1 and v2, from the process up to the root.

The limits of all ancestors apply, so the folder of each is read. A missing file means no limit. A
file that cannot be read, or has contents that the kernel never writes, raises `ProbeError`, because
its limit is unknown. Sources: the kernel's admin-guide/cgroup-v1 and cgroup-v2,
cgroup_namespaces(7), proc_pid_mountinfo(5).
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from infra.host.errors import FileMissingError, ProbeError
from infra.host.files import read_text
from qca.core.frozen import frozen_dataclass

# Without a limit, v1 shows the largest multiple of the page size that fits in a signed 64-bit
# number. No machine has half as much memory.
_V1_UNLIMITED = 2**62


@frozen_dataclass
class _Mount:
    """A mounted hierarchy, whose group `root` is visible at `point`."""

    controllers: frozenset[str]
    """Its controllers in v1; empty in v2."""
    root: PurePosixPath
    point: PurePosixPath


def read_cpu_quota(root: Path = Path("/")) -> float | None:
    """Return the smallest CPU quota, in CPUs; None if no group has one."""
    quotas = [_read_quota_v1(folder) for folder in _list_group_folders(root, "cpu")]
    quotas += [_read_quota_v2(folder) for folder in _list_group_folders(root, "")]
    return min((quota for quota in quotas if quota is not None), default=None)


def read_memory_limit(root: Path = Path("/")) -> int | None:
    """Return the smallest memory limit, in bytes; None if no group has one."""
    limits = [
        limit for folder in _list_group_folders(root, "memory") for limit in _read_limits_v1(folder)
    ]
    limits += [_read_number(folder / "memory.max") for folder in _list_group_folders(root, "")]
    return min((limit for limit in limits if limit is not None), default=None)


def list_v1_hierarchies(root: Path = Path("/")) -> tuple[str, ...] | None:
    """Return the controllers of each v1 hierarchy, as the kernel writes them.

    Return None if the kernel has no control groups.
    """
    text = _read_if_present(root / "proc/self/cgroup")
    if text is None:
        return None
    return tuple(names for _, names, _ in _parse_groups(text) if names)


def _read_quota_v1(folder: Path) -> float | None:
    quota = _read_number(folder / "cpu.cfs_quota_us", none="-1")
    if quota is None:
        return None
    return _divide_quota(
        quota, _read_number(folder / "cpu.cfs_period_us"), folder / "cpu.cfs_quota_us"
    )


def _read_quota_v2(folder: Path) -> float | None:
    """Read `cpu.max`: "max 100000" or "150000 100000"."""
    text = _read_if_present(folder / "cpu.max")
    if text is None or re.fullmatch(r"max \d+\s*", text):
        return None
    words = re.fullmatch(r"(\d{1,19}) (\d{1,19})\s*", text, re.ASCII)
    if words is None:
        raise _nonsense_error(folder / "cpu.max", text)
    return _divide_quota(int(words[1]), int(words[2]), folder / "cpu.max")


def _divide_quota(quota: int, period: int | None, path: Path) -> float:
    if not quota or not period:
        raise _nonsense_error(path, f"{quota} of {period}")
    return quota / period


def _read_limits_v1(folder: Path) -> Iterator[int | None]:
    """Yield the limits of the group and its ancestors, including those not visible here."""
    yield _drop_sentinel(_read_number(folder / "memory.limit_in_bytes", none="-1"))
    stat = _read_if_present(folder / "memory.stat") or ""
    inherited = re.search(r"^hierarchical_memory_limit (\d{1,19})$", stat, re.M | re.ASCII)
    if inherited:
        yield _drop_sentinel(int(inherited[1]))


def _drop_sentinel(limit: int | None) -> int | None:
    return limit if limit is not None and limit < _V1_UNLIMITED else None


def _read_number(path: Path, none: str = "max") -> int | None:
    """Return the number in a file; None if it is `none` or the file does not exist."""
    text = _read_if_present(path)
    if text is None or text.strip() == none:
        return None
    if not re.fullmatch(r"\d{1,19}\s*", text, re.ASCII):
        raise _nonsense_error(path, text)
    return int(text)


def _read_if_present(path: Path) -> str | None:
    try:
        return read_text(path)
    except FileMissingError:
        return None


def _nonsense_error(path: Path, text: str) -> ProbeError:
    return ProbeError(f"{path} contains {text.strip()[:40]!r}, which is not a limit")


def _list_group_folders(root: Path, controller: str) -> list[Path]:
    """Return the folders of this process's group and its ancestors, as far as they are mounted.

    `controller` is a v1 controller, or empty for v2's single hierarchy.
    """
    path = _parse_own_path(_read_if_present(root / "proc/self/cgroup") or "", controller)
    mounts = [
        mount
        for mount in _parse_mounts(_read_if_present(root / "proc/self/mountinfo") or "")
        if (controller in mount.controllers if controller else not mount.controllers)
    ]
    if path is None or not mounts:
        return []
    mount = max(mounts, key=lambda mount: _score_mount(mount, path))
    top = root / mount.point.relative_to("/")
    below = path.relative_to(mount.root) if path.is_relative_to(mount.root) else PurePosixPath()
    return [top / folder for folder in (below, *below.parents)]


def _score_mount(mount: _Mount, path: PurePosixPath) -> int:
    """Return the rank of a mount; the best contains our path and as little else as possible."""
    return len(mount.root.parts) if path.is_relative_to(mount.root) else 0


def _parse_own_path(text: str, controller: str) -> PurePosixPath | None:
    """Return our path from /proc/self/cgroup, such as /a/b in "4:memory:/a/b" or, for v2,
    "0::/a/b".

    Return None if there is no such line, and "/" for a path with "..", which is in another cgroup
    namespace and not mounted here.
    """
    for _, names, path in _parse_groups(text):
        if controller in names.split(",") if controller else not names:
            pure = _unescape_path(path)
            return pure if ".." not in pure.parts else PurePosixPath("/")
    return None


def _parse_groups(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield number, controllers and path of each line of /proc/self/cgroup."""
    for line in filter(None, text.split("\n")):
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if not (number.isdecimal() and path.startswith("/")):
            raise ProbeError(
                f"/proc/self/cgroup contains {line[:40]!r}, which does not name a group"
            )
        yield number, names, path


def _parse_mounts(text: str) -> Iterator[_Mount]:
    """Yield the cgroup mounts of /proc/self/mountinfo.

    A line: id, parent, device, root, mount point, options, tags..., "-", type, source, options.
    """
    for line in text.splitlines():
        mount_text, _, type_text = line.partition(" - ")
        fields, source = mount_text.split(" "), type_text.split(" ")
        if len(fields) < 6 or len(source) < 3 or not fields[4].startswith("/"):
            continue
        root, point = _unescape_path(fields[3]), _unescape_path(fields[4])
        if source[0] == "cgroup2":
            yield _Mount(frozenset(), root, point)
        elif source[0] == "cgroup":
            yield _Mount(frozenset(source[2].split(",")), root, point)


def _unescape_path(field: str) -> PurePosixPath:
    """Return the absolute path in a field, with octal escapes such as those for spaces decoded."""
    text = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
    return PurePosixPath("/" + text.strip("/"))
