"""The limits that a daemon can grant, from its process in /proc."""

import os
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from infra.host.facts import Engine
from infra.host.probes.docker.daemon import ANY, add_daemon_facts
from tests.support.hosts import engine

ALL_CAPABILITIES, WITHOUT_SYS_RESOURCE = "000001ffffffffff", "000001fffeffffff"


def write_daemon(root: Path, capabilities: str, hard: str = "8388608", pid: int = 7) -> Path:
    folder = root / f"proc/{pid}"
    folder.mkdir(parents=True)
    (folder / "comm").write_text("dockerd\n")
    (folder / "status").write_text(f"Name:\tdockerd\nCapEff:\t{capabilities}\n")
    (folder / "limits").write_text(
        f"Max open files            1024         1048576      files     \n"
        f"Max locked memory         65536        {hard}      bytes     \n"
    )
    return root


def find_most_memlock(engine: Engine, root: Path) -> int | None:
    return add_daemon_facts(engine, root).most_memlock


def find_start(engine: Engine, root: Path) -> int | None:
    return add_daemon_facts(engine, root).started


@pytest.mark.parametrize(
    ("capabilities", "hard", "most"),
    [
        (ALL_CAPABILITIES, "8388608", ANY),
        (WITHOUT_SYS_RESOURCE, "8388608", 8388608),
        (WITHOUT_SYS_RESOURCE, "unlimited", ANY),
    ],
)
def test_capabilities_and_limits_decide(
    tmp_path: Path, capabilities: str, hard: str, most: int
) -> None:
    assert find_most_memlock(engine(), write_daemon(tmp_path, capabilities, hard)) == most


def test_a_rootless_daemons_capabilities_do_not_count(tmp_path: Path) -> None:
    rootless = engine(security_options=("name=rootless",))
    assert find_most_memlock(rootless, write_daemon(tmp_path, ALL_CAPABILITIES)) == 8388608


def test_invisible_processes_are_not_guessed(tmp_path: Path) -> None:
    assert find_most_memlock(engine(), tmp_path) is None
    remote = engine(host="tcp://there:2375")
    assert find_most_memlock(remote, write_daemon(tmp_path, ALL_CAPABILITIES)) is None
    two = write_daemon(tmp_path, ALL_CAPABILITIES, pid=8)
    assert find_most_memlock(engine(), two) is None
    (two / "proc/8/comm").unlink()
    (two / "proc/7/status").write_text("nonsense")
    (two / "proc/7/limits").write_text("nonsense")
    assert find_most_memlock(engine(), two) is None


def test_the_start_of_the_daemon_comes_from_the_kernel(tmp_path: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    root = write_daemon(tmp_path, ALL_CAPABILITIES)
    fields = " ".join(["S", *["0"] * 18, str(90 * ticks), "0"])
    (root / "proc/7/stat").write_text(f"7 (docker) (d) {fields}\n")
    (root / "proc/stat").write_text("cpu  1 2 3\nbtime 1700000000\n")
    assert find_start(engine(), root) == 1700000090
    assert find_start(engine(host="tcp://there:2375"), root) is None
    (root / "proc/stat").write_text("cpu  1 2 3\n")
    assert find_start(engine(), root) is None
    (root / "proc/7/stat").write_text("nonsense")
    assert find_start(engine(), root) is None


def test_a_real_process_started_when_it_did(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text(Path("/proc/stat").read_text())
    with subprocess.Popen(["sleep", "20"]) as sleeping:
        folder = tmp_path / f"proc/{sleeping.pid}"
        folder.mkdir()
        (folder / "comm").write_text("dockerd\n")
        (folder / "stat").write_text(Path(f"/proc/{sleeping.pid}/stat").read_text())
        sleeping.kill()
    started = find_start(engine(), tmp_path)
    assert started is not None
    assert abs(started - time.time()) < 20


def test_the_kernel_agrees_about_this_very_process() -> None:
    """Compare the rule for the daemon with the actual permissions of this process."""
    status = Path("/proc/self/status").read_text()
    capable = int(status.split("CapEff:")[1].split()[0], 16) >> 24 & 1
    code = "import resource as r; r.setrlimit(r.RLIMIT_MEMLOCK, (-1, -1))"
    hard = Path("/proc/self/limits").read_text().split("Max locked memory")[1].split()[1]
    done = subprocess.run(["python3", "-c", code], capture_output=True)
    assert (done.returncode == 0) is (bool(capable) or hard == "unlimited")


def test_an_engines_answer_is_read_as_recorded() -> None:
    assert TypeAdapter(Engine).validate_python(asdict(engine())).most_memlock is None
