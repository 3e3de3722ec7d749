"""Limits are found in every layout of the kernel, up to the root."""

from pathlib import Path

import pytest

from infra.host.errors import ProbeError
from infra.host.probes import cgroup
from tests.support.cgroup_mounts import FS, V1_CPU, V1_MEMORY, V2

GIB = 2**30
UNLIMITED_V1 = str(2**63 - 4096)  # the kernel's "no limit" with pages of 4 KiB
UNLIMITED_V1_64K = str(2**63 - 65536)  # and with pages of 64 KiB, as on some ARM servers

V1_NAMED = "36 31 0:33 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd"
HYBRID_V2 = "37 31 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
# A container without a cgroup namespace, whose own group is mounted in place of the root.
V1_CPU_IN_CONTAINER = "33 31 0:30 /docker/c1 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu"
V1_MEMORY_IN_CONTAINER = "35 31 0:32 /docker/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory"


def write_tree(root: Path, own: str, mounts: list[str], files: dict[str, str]) -> Path:
    """Create /proc/self and the cgroup file system below `root`."""
    every = {"proc/self/cgroup": own, "proc/self/mountinfo": "\n".join(mounts), **files}
    for name, text in every.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


CPU_CASES = {
    "no cgroups at all, as on macOS": ("", [], {}, None),
    "v2, a quota": ("0::/a", [V2], {f"{FS}/a/cpu.max": "150000 100000\n"}, 1.5),
    "v2, no quota": ("0::/a", [V2], {f"{FS}/a/cpu.max": "max 100000\n"}, None),
    "v2, in a namespace: the root is our own": (
        "0::/",
        [V2],
        {f"{FS}/cpu.max": "50000 100000\n"},
        0.5,
    ),
    "v2, only the grandparent has one": (
        "0::/a/b/c",
        [V2],
        {f"{FS}/a/cpu.max": "200000 100000", f"{FS}/a/b/c/cpu.max": "max 100000"},
        2.0,
    ),
    "v2, the smallest on the way up wins": (
        "0::/a/b",
        [V2],
        {f"{FS}/a/cpu.max": "100000 100000", f"{FS}/a/b/cpu.max": "400000 100000"},
        1.0,
    ),
    "v2, a sibling's quota is not ours": (
        "0::/a",
        [V2],
        {f"{FS}/b/cpu.max": "10000 100000"},
        None,
    ),
    "v1, a quota": (
        "4:cpu,cpuacct:/a",
        [V1_CPU],
        {
            f"{FS}/cpu,cpuacct/a/cpu.cfs_quota_us": "300000",
            f"{FS}/cpu,cpuacct/a/cpu.cfs_period_us": "100000",
        },
        3.0,
    ),
    "v1, -1 means none": (
        "4:cpu,cpuacct:/a",
        [V1_CPU],
        {
            f"{FS}/cpu,cpuacct/a/cpu.cfs_quota_us": "-1",
            f"{FS}/cpu,cpuacct/a/cpu.cfs_period_us": "100000",
        },
        None,
    ),
    "v1, in a container without a cgroup namespace": (
        "4:cpu:/docker/c1",
        [V1_CPU_IN_CONTAINER],
        {f"{FS}/cpu/cpu.cfs_quota_us": "50000", f"{FS}/cpu/cpu.cfs_period_us": "100000"},
        0.5,
    ),
    "hybrid: the controller is v1, and v2 is mounted without it": (
        "4:cpu,cpuacct:/a\n1:name=systemd:/x\n0::/x",
        [V1_CPU, V1_NAMED, HYBRID_V2],
        {
            f"{FS}/cpu,cpuacct/a/cpu.cfs_quota_us": "250000",
            f"{FS}/cpu,cpuacct/a/cpu.cfs_period_us": "100000",
            f"{FS}/unified/x/cgroup.procs": "1",
        },
        2.5,
    ),
    "a path outside of our namespace falls back to what is mounted": (
        "0::/../../other",
        [V2],
        {f"{FS}/cpu.max": "70000 100000", "sys/fs/cpu.max": "1000 100000"},
        0.7,
    ),
}


@pytest.mark.parametrize(
    ("own", "mounts", "files", "quota"), CPU_CASES.values(), ids=CPU_CASES.keys()
)
def test_cpu_quota(
    tmp_path: Path, own: str, mounts: list[str], files: dict[str, str], quota: float | None
) -> None:
    assert cgroup.read_cpu_quota(write_tree(tmp_path, own, mounts, files)) == quota


MEMORY_CASES = {
    "no cgroups at all, as on macOS": ("", [], {}, None),
    "v2, a limit": ("0::/a", [V2], {f"{FS}/a/memory.max": f"{GIB}\n"}, GIB),
    "v2, max": ("0::/a", [V2], {f"{FS}/a/memory.max": "max\n"}, None),
    "v2, the parent's is smaller": (
        "0::/a/b",
        [V2],
        {f"{FS}/a/memory.max": str(GIB), f"{FS}/a/b/memory.max": str(2 * GIB)},
        GIB,
    ),
    "v1, a limit": (
        "4:memory:/a",
        [V1_MEMORY],
        {f"{FS}/memory/a/memory.limit_in_bytes": str(GIB)},
        GIB,
    ),
    "v1, the kernel's largest number means none": (
        "4:memory:/a",
        [V1_MEMORY],
        {f"{FS}/memory/a/memory.limit_in_bytes": UNLIMITED_V1},
        None,
    ),
    "v1, the same with larger pages": (
        "4:memory:/a",
        [V1_MEMORY],
        {f"{FS}/memory/a/memory.limit_in_bytes": UNLIMITED_V1_64K},
        None,
    ),
    "v1, in a container: an ancestor that is not mounted shows in memory.stat": (
        "4:memory:/docker/c1",
        [V1_MEMORY_IN_CONTAINER],
        {
            f"{FS}/memory/memory.limit_in_bytes": UNLIMITED_V1,
            f"{FS}/memory/memory.stat": f"cache 0\nhierarchical_memory_limit {GIB}\n",
        },
        GIB,
    ),
    "hybrid with memory on v2": (
        "4:cpu,cpuacct:/a\n0::/x",
        [V1_CPU, HYBRID_V2],
        {f"{FS}/unified/x/memory.max": str(3 * GIB)},
        3 * GIB,
    ),
    "a mount point with a space": (
        "0::/a",
        [V2.replace("/sys/fs/cgroup", r"/sys/fs/my\040cgroup")],
        {"sys/fs/my cgroup/a/memory.max": str(GIB)},
        GIB,
    ),
    "two mounts of one hierarchy: the one that shows our group": (
        "0::/a/b",
        [
            "40 23 0:26 /other /mnt/elsewhere rw - cgroup2 cgroup2 rw",
            "30 23 0:26 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
        ],
        {"mnt/elsewhere/memory.max": "1", f"{FS}/b/memory.max": str(GIB)},
        GIB,
    ),
}


@pytest.mark.parametrize(
    ("own", "mounts", "files", "limit"), MEMORY_CASES.values(), ids=MEMORY_CASES.keys()
)
def test_memory_limit(
    tmp_path: Path, own: str, mounts: list[str], files: dict[str, str], limit: int | None
) -> None:
    assert cgroup.read_memory_limit(write_tree(tmp_path, own, mounts, files)) == limit


V1_QUOTA = f"{FS}/cpu,cpuacct/a/cpu.cfs_quota_us"

NONSENSE = {
    "words": (V2, f"{FS}/a/cpu.max", "many few"),
    "a period of 0": (V2, f"{FS}/a/cpu.max", "100 0"),
    "a quota of 0": (V2, f"{FS}/a/cpu.max", "0 100000"),
    "nothing": (V2, f"{FS}/a/cpu.max", ""),
    "no number of bytes": (V2, f"{FS}/a/memory.max", "1G"),
    "a number that no memory has": (V2, f"{FS}/a/memory.max", "9" * 30),
    "v1, a quota without a period": (V1_CPU, V1_QUOTA, "100000"),
    "v1, a quota that is none": (V1_CPU, V1_QUOTA, "-7"),
    "v1, a limit that is none": (V1_MEMORY, f"{FS}/memory/a/memory.limit_in_bytes", "lots"),
}


@pytest.mark.parametrize(("mount", "file", "text"), NONSENSE.values(), ids=NONSENSE.keys())
def test_invalid_contents_do_not_count_as_no_limit(
    tmp_path: Path, mount: str, file: str, text: str
) -> None:
    root = write_tree(tmp_path, "4:cpu,cpuacct:/a\n5:memory:/a\n0::/a", [mount], {file: text})
    with pytest.raises(ProbeError, match="which is not a limit"):
        _ = cgroup.read_cpu_quota(root), cgroup.read_memory_limit(root)


@pytest.mark.parametrize("file", ["proc/self/cgroup", "proc/self/mountinfo", f"{FS}/a/cpu.max"])
def test_an_unreadable_file_does_not_count_as_no_limit(tmp_path: Path, file: str) -> None:
    root = write_tree(tmp_path, "0::/a", [V2], {f"{FS}/a/cpu.max": "max 100000"})
    (root / file).unlink()
    (root / file).mkdir()  # root can read every file, but no user can read a folder as a file
    with pytest.raises(ProbeError, match="could not be read"):
        cgroup.read_cpu_quota(root)


@pytest.mark.parametrize(
    ("own", "hierarchies"),
    [
        ("0::/a", ()),
        ("4:cpu,cpuacct:/\n3:memory:/a\n0::/", ("cpu,cpuacct", "memory")),
        ("4:cpuacct:/\n3:cpu:/\n1:name=systemd:/\n", ("cpuacct", "cpu", "name=systemd")),
    ],
)
def test_hierarchies_of_version_1(tmp_path: Path, own: str, hierarchies: tuple[str, ...]) -> None:
    assert cgroup.list_v1_hierarchies(write_tree(tmp_path, own, [], {})) == hierarchies


def test_a_kernel_without_control_groups_has_no_hierarchies(tmp_path: Path) -> None:
    assert cgroup.list_v1_hierarchies(tmp_path) is None
