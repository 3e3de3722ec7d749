"""For any content of a host's files and output of its programs, the result is a fact or unknown,
never a guess.

No probe raises anything but `ProbeError` or hangs, and invalid input never counts as the absence of
a limit, a card or a fault.
"""

import json
import re
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import psutil
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from infra.host.collect import Probe, start_probes, wait_for_facts
from infra.host.deadline import Deadline, Output
from infra.host.errors import ProbeError
from infra.host.facts import Engine, Known, NoEngine, Unknown
from infra.host.files import MAX_BYTES
from infra.host.probes import cgroup, cpu, docker, gpu, memory, pci, system
from infra.host.probes.docker import engine, over_ssh
from infra.host.probes.docker.daemon import add_daemon_facts
from infra.host.probes.docker.endpoint import Endpoint
from infra.host.probes.docker.engine_facts import parse_engine
from tests.support.cgroup_mounts import FS, V1_CPU, V1_MEMORY, V2
from tests.support.fake_engine import INFO, VERSION
from tests.support.fake_nvml import Device, FakeNvml, Memory, Process
from tests.support.fake_programs import FixedOutput

relaxed = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

numbers = st.integers(-(2**70), 2**70).map(str)
texts = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="0123456789 -+.maxinfKkB:\n\0\x1b\u0663", max_size=24),
    numbers,
    st.builds("{} {}".format, numbers, numbers),
).map(lambda text: text.encode(errors="replace"))
contents = texts | st.binary(max_size=40)


@contextmanager
def write_host(files: dict[str, bytes]) -> Iterator[Path]:
    """Yield a root folder with these files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield Path(folder)


def collect_fact(probe: Callable[[], Any]) -> Known | Unknown:
    """Return the fact that `collect` derives from a probe's result."""
    with Deadline(5) as deadline:
        probes, results = {"cpu": Probe("reading", probe)}, {"cpu": Future[object]()}
        start_probes(probes, results)
        return wait_for_facts(probes, results, deadline)["cpu"]


OWN = b"4:cpu,cpuacct:/a\n5:memory:/a\n0::/a\n"


def mount_groups(*lines: str) -> dict[str, bytes]:
    return {"proc/self/cgroup": OWN, "proc/self/mountinfo": "\n".join(lines).encode()}


@relaxed
@given(text=contents)
@example(text=b"max 100000\n")
@example(text=b"max")
@example(text="\u0661 \u0662".encode())  # digits that the kernel does not use
def test_only_max_means_no_quota_in_version_2(text: bytes) -> None:
    with write_host({**mount_groups(V2), f"{FS}/a/cpu.max": text}) as root:
        with suppress(ProbeError):
            found = cgroup.read_cpu_quota(root)
            assert (found is None) == bool(re.fullmatch(rb"max \d+\s*", text))
            assert found is None or found > 0
        assert isinstance(collect_fact(lambda: cpu.probe(root)), Known | Unknown)


@relaxed
@given(text=contents)
@example(text=b"max\n")
def test_only_max_means_no_memory_limit_in_version_2(text: bytes) -> None:
    found: int | None = None
    with write_host({**mount_groups(V2), f"{FS}/a/memory.max": text}) as root:
        with suppress(ProbeError):
            found = cgroup.read_memory_limit(root)
            assert (found is None) == (text.strip() == b"max")
        fact = collect_fact(lambda: memory.probe(root))
        assert isinstance(fact, Unknown) or fact.value.cgroup_limit == found


@relaxed
@given(quota=contents, period=contents, limit=contents, stat=contents)
def test_limits_of_version_1(quota: bytes, period: bytes, limit: bytes, stat: bytes) -> None:
    files = {
        f"{FS}/cpu,cpuacct/a/cpu.cfs_quota_us": quota,
        f"{FS}/cpu,cpuacct/a/cpu.cfs_period_us": period,
        f"{FS}/memory/a/memory.limit_in_bytes": limit,
        f"{FS}/memory/a/memory.stat": stat + b"\nhierarchical_memory_limit " + limit,
    }
    with write_host({**mount_groups(V1_CPU, V1_MEMORY), **files}) as root:
        with suppress(ProbeError):
            assert cgroup.read_cpu_quota(root) is not None or quota.strip() == b"-1"
        with suppress(ProbeError):
            found = cgroup.read_memory_limit(root)
            assert found is not None or limit.strip() == b"-1" or int(limit) >= 2**62


lines = st.lists(
    st.one_of(
        st.sampled_from([V2, V1_CPU, V1_MEMORY, "0::/", "0::/a", "4:memory:/a", "0::/../x", "1 2"]),
        st.text(alphabet="/:- .\\0123456789abcgroup\0\n,\xff", max_size=60),
        st.text(max_size=30).map(lambda odd: f"1 2 0:1 {odd} /{odd} rw - cgroup2 c c"),
    ),
    max_size=6,
).map(lambda found: "\n".join(found).encode(errors="replace"))


@settings(relaxed, max_examples=150)
@given(own=lines, mounts=lines, limit=contents)
@example(own=b"0::/a", mounts=b"1 2 0:1 //a //sys rw - cgroup2 c c", limit=b"max")
def test_any_list_of_groups_and_mounts(own: bytes, mounts: bytes, limit: bytes) -> None:
    files = {
        "proc/self/cgroup": own,
        "proc/self/mountinfo": mounts,
        f"{FS}/memory.max": limit,
        f"{FS}/cpu.max": limit,
    }
    with write_host(files) as root:
        for probe in (cpu.probe, memory.probe):
            fact = collect_fact(partial(probe, root))
            assert isinstance(fact, Known) or fact.reason
            assert not isinstance(fact, Unknown) or "failed" not in fact.reason


@relaxed
@given(total=contents, available=contents, extra=contents)
@example(total=b"8 kB", available=b"4 kB", extra=b"")
@example(total=b"0 kB", available=b"0 kB", extra=b"")
@example(total=b"-5 kB", available=b"1 kB", extra=b"SwapTotal: 1 kB")
def test_any_meminfo(total: bytes, available: bytes, extra: bytes) -> None:
    text = b"MemTotal: " + total + b"\nMemAvailable: " + available + b"\nMemFree: 1 kB\n"
    text += b"Buffers: 1 kB\nCached: 1 kB\nSwapTotal: 1 kB\nSwapFree: 0 kB\n" + extra
    vmstat = b"pswpin 0\npswpout 0\n"
    files = {"proc/meminfo": text, "proc/vmstat": vmstat, "proc/zoneinfo": b""}
    with write_host(files) as root, pytest.MonkeyPatch.context() as patch, catch_warnings():
        simplefilter("ignore")  # psutil's own warning about missing fields
        patch.setattr(psutil, "PROCFS_PATH", str(root / "proc"))
        fact = collect_fact(lambda: memory.probe(root))
    assert isinstance(fact, Unknown) or 0 <= fact.value.available <= fact.value.total
    assert isinstance(fact, Unknown) or fact.value.total > 0


@relaxed
@given(release=contents, switch=contents)
def test_any_os_release_and_io_uring_setting(release: bytes, switch: bytes) -> None:
    files = {
        "etc/os-release": b"PRETTY_NAME=" + release,
        "proc/sys/kernel/io_uring_disabled": switch,
    }
    with write_host(files) as root, suppress(ProbeError):
        found = system.probe(root)
        assert str(found.io_uring_disabled).encode() == switch.strip()
        assert found.distribution


@relaxed
@given(vendor=contents, kind=contents, model=contents)
@example(vendor=b"0x10de\n", kind=b"0x030000\n", model=b"0x1f82\n")
def test_any_pci_bus(vendor: bytes, kind: bytes, model: bytes) -> None:
    device = "sys/bus/pci/devices/0000:01:00.0"
    files = {f"{device}/vendor": vendor, f"{device}/class": kind, f"{device}/device": model}
    with write_host(files) as root:
        cards = pci.find_nvidia_cards(root)
    assert bool(cards) == (vendor.strip() == b"0x10de" and kind.strip().startswith(b"0x03"))


@relaxed
@given(status=contents, limits=contents)
def test_any_proc_of_the_daemon(status: bytes, limits: bytes) -> None:
    files = {
        "proc/7/comm": b"dockerd\n",
        "proc/7/status": b"CapEff:\t" + status,
        "proc/7/limits": b"Max locked memory  1  " + limits + b"  bytes\n",
    }
    info = {**INFO, "SecurityOptions": []}
    running = parse_engine(Endpoint("unix:///x", "default"), VERSION, info)
    with write_host(files) as root:
        found = add_daemon_facts(running, root).most_memlock
    unlimited = limits.split()[:1] == [b"unlimited"]
    capable = re.match(rb"\s*[0-9a-f]+$", status, re.MULTILINE) is not None
    assert found != -1 or unlimited or capable


# The Engine's API.

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(["\x1b[31m", "\x00", "1.24", "999999999999.1", "cdi"]),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
# The type of each field in an engine's answer; a value of another type is not an answer.
KINDS = {name: type(value) for name, value in {**VERSION, **INFO}.items()}
changes = st.dictionaries(st.sampled_from(sorted(KINDS)), values, min_size=1, max_size=2)
dropped = st.sets(st.sampled_from(sorted(KINDS)), max_size=2)


@contextmanager
def serve_answers() -> Iterator[tuple[Path, list[bytes]]]:
    """Yield a socket that answers each connection with the next of these answers."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        path, answers = Path(folder) / "d.sock", [b""]
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        connection.recv(2**16)
                        connection.sendall(answers.pop(0) if answers else b"")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path, answers
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def ask_engine(path: Path) -> Engine | NoEngine:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{path}")
        patch.setattr(engine, "add_daemon_facts", lambda found: found)
        with Deadline(3) as deadline:
            return docker.probe(deadline)


def format_response(body: Any) -> bytes:
    return b"HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\n" + json.dumps(body).encode()


@relaxed
@given(change=changes, without=dropped)
@example(change={"ServerVersion": []}, without=set())
def test_an_engine_with_a_wrong_field(change: dict[str, Any], without: set[str]) -> None:
    answer = {name: value for name, value in {**VERSION, **INFO, **change}.items()
            if name not in without}  # fmt: skip
    with serve_answers() as (path, answers):
        answers[:] = [format_response(answer), format_response(answer)]
        found = ask_engine(path)
    unread = "ServerVersion" if answer.get("Version") else ""  # it gives the same answer again
    wrong = [name for name, value in answer.items()
             if name != unread and value is not None
             and type(value) is not KINDS.get(name)]  # fmt: skip
    if wrong:
        assert isinstance(found, NoEngine), wrong
    if isinstance(found, Engine):
        assert found.cpus >= 1
        assert answer.get("MemoryLimit") is found.limits_memory
        assert found.os_type == (answer.get("OSType") or "")
    else:
        assert found.state == "bad-host"
        assert found.detail


@relaxed
@given(first=st.binary(max_size=60), second=st.binary(max_size=60), head=st.booleans())
@example(first=b"[" * 100_000, second=b"", head=True)
@example(first=b'{"message": ["no"]}', second=b"", head=False)
@example(first=b"HTTP/1.1 500\r\n\r\n{", second=b"", head=False)
@example(first=b"HTTP/1.1 99999999999999 x\r\n\r\n{}", second=b"", head=False)
def test_any_bytes_instead_of_an_engines_answer(first: bytes, second: bytes, head: bool) -> None:
    start = b"HTTP/1.1 200 OK\r\n\r\n" if head else b""
    with serve_answers() as (path, answers):
        answers[:] = [start + first, start + second]
        found = ask_engine(path)
    assert isinstance(found, NoEngine)
    assert found.detail


def test_an_endless_answer_is_cut_off() -> None:
    begun = time.monotonic()
    with serve_answers() as (path, answers):
        answers[:] = [format_response("x" * (3 * MAX_BYTES))]
        found = ask_engine(path)
    assert isinstance(found, NoEngine)
    assert "too long" in found.detail
    assert time.monotonic() - begun < 3


def test_a_slow_answer_ends_at_the_deadline() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        path = Path(folder) / "d.sock"
        server.bind(str(path))
        server.listen()

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                for byte in format_response(VERSION):
                    connection.send(bytes([byte]))
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        begun = time.monotonic()
        with pytest.MonkeyPatch.context() as patch, Deadline(0.5) as deadline:
            patch.setenv("DOCKER_HOST", f"unix://{path}")
            found = docker.probe(deadline)
    assert isinstance(found, NoEngine)
    assert found.state == "no-answer"
    assert time.monotonic() - begun < 1.5


@relaxed
@given(
    code=st.sampled_from([0, 0, 1, -9]),
    out=st.text(max_size=40) | values.map(lambda value: json.dumps(value)),
    err=st.text(max_size=40),
)
def test_any_output_of_docker_for_an_engine_behind_ssh(code: int, out: str, err: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(over_ssh.shutil, "which", lambda _: "/usr/bin/docker")
        found = over_ssh.ask_engine(
            Endpoint("ssh://there", "default"), FixedOutput(Output(code, out, err))
        )
    assert isinstance(found, NoEngine)


# NVML, which is a library: impossible numbers, and names of another type.

sizes = st.one_of(st.integers(-(2**70), 2**70), st.none(), st.text(max_size=3), st.booleans())


@relaxed
@given(
    name=scalars, uuid=scalars, total=sizes, free=sizes, reserved=sizes, used=sizes,
    capability=st.one_of(st.tuples(sizes, sizes), st.tuples(sizes), st.none()),
)  # fmt: skip
def test_any_answer_of_the_nvidia_driver(
    name: Any, uuid: Any, total: Any, free: Any, reserved: Any, used: Any, capability: Any
) -> None:
    card = Device(
        name=name,
        uuid=uuid,
        memory=Memory(total, free, reserved),
        capability=capability,
        computing=[Process(7, used)],
    )
    with write_host({}) as root:
        fact = collect_fact(lambda: gpu.probe(Deadline(5), root, FakeNvml(card)))
    if isinstance(fact, Known):
        (found,) = fact.value.gpus
        assert found.memory_free >= 0
        assert 0 <= found.memory_total < 2**63
