"""QCA6xx: ports, disks and memory."""

import pytest

from infra.host.facts import HostFacts, Listener, MemoryFacts
from qca.core.units import GIB, MIB
from tests.support.hosts import disk, host, judge
from tests.support.verdicts import (
    ERROR,
    LOCAL,
    OK,
    SKIPPED,
    WARNING,
    FileCase,
    HostCase,
    assert_file_verdict,
    assert_host_verdict,
    judge_file,
)


def _listen(process: str | None, pid: int | None, address: str = "127.0.0.1") -> HostFacts:
    return host(listeners=(Listener(address=address, port=6379, pid=pid, process=process),))


CASES = [
    # The host.
    HostCase("QCA601", host(), OK, "publishes no port"),
    HostCase("QCA601", host(), OK, "Port 6379 is free", {"store_port": 6379}),
    HostCase("QCA601", _listen("redis-server", 812), OK, "publishes no port"),
    HostCase(
        "QCA601",
        _listen("redis-server", 812),
        ERROR,
        "redis-server (pid 812)",
        {"store_port": 6379},
    ),
    HostCase("QCA601", _listen("redis-server", 812, "0.0.0.0"), ERROR, "", {"store_port": 6379}),
    HostCase("QCA601", _listen("redis-server", 812, "10.0.0.7"), OK, "", {"store_port": 6379}),
    HostCase("QCA601", _listen("docker-proxy", 812), WARNING, "this stack", {"store_port": 6379}),
    HostCase("QCA601", _listen(None, None), WARNING, "another user's", {"store_port": 6379}),
    HostCase("QCA601", host(listeners="only root sees them on macOS"), SKIPPED, "only root"),
    HostCase("QCA602", host(), OK),
    HostCase(
        "QCA602", host(disks=(disk("docker", 5 * MIB), disk("work"))), ERROR, "/docker has 5 MiB"
    ),
    HostCase("QCA602", host(disks=(disk("docker"), disk("work", 5 * MIB))), OK),
    HostCase("QCA602", host(disks=(disk("docker"), disk("work", 5 * MIB))), ERROR, "/work", LOCAL),
    HostCase("QCA602", host(disks=(disk("work"),)), SKIPPED, "not visible from here"),
    HostCase("QCA602", host(disks="denied"), SKIPPED),
    HostCase("QCA603", host(), OK, "fits"),
    HostCase(
        "QCA603",
        host(memory=MemoryFacts(total=16 * GIB, available=64 * MIB, cgroup_limit=None)),
        ERROR,
        "may only use",
    ),
    HostCase("QCA603", host(memory="no /proc"), SKIPPED),
]

FILE_CASES = [
    FileCase("QCA601", "    ports: ['6379:6379']\n", ERROR, "redis-server (pid 812)", 4),
    FileCase("QCA601", "    ports: ['6380:6379']\n", OK, "free", 4),
    FileCase("QCA601", "    ports: ['6379:6379/tcp']\n", ERROR, "redis-server", 4),
    FileCase("QCA601", "    ports: ['6379:6379/udp', '6380:1']\n", OK, "6380 is free", 4),
    FileCase(
        "QCA601",
        "    ports: [{target: 6379, published: 6379, protocol: udp}, '6380:1']\n",
        OK,
        "6380 is free",
        4,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_host(case: HostCase):
    assert_host_verdict(case)


@pytest.mark.parametrize("case", FILE_CASES, ids=str)
def test_file(tmp_path, case: FileCase):
    assert_file_verdict(tmp_path, case)


def test_a_disk_too_small_for_the_image_is_a_warning_beside_an_ok():
    cramped = host(disks=(disk("docker", 2 * GIB), disk("work")))

    severities = [finding.severity for finding in judge(cramped, "QCA602")]

    assert severities == [OK, WARNING]


@pytest.mark.parametrize(
    ("first", "second", "clashes"),
    [
        ("ports: ['7000:1']", "ports: ['7000:2']", True),
        ("ports: ['127.0.0.1:7000:1']", "ports: ['7000:2']", True),
        ("ports: ['127.0.0.1:7000:1']", "ports: ['127.0.0.2:7000:1']", False),
        ("ports: ['7000:1']", "ports: ['7000:2/udp']", False),
        ("ports: ['7000:1/udp']", "ports: ['7000:2/udp']", True),
        ("ports: ['7000:1']", "ports: ['7001:1']", False),
        ("ports: ['6000-7000:6000-7000']", "ports: ['7000-8000:7000-8000']", True),
        ("ports: ['6000-6999:6000-6999']", "ports: ['7000:1']", False),
        ("ports: ['7000:1']", "ports: ['7000-7010:2']", False),  # it uses another port
        ("ports: ['7000:1']", "ports: ['7000:2'], scale: 0", False),
        ("ports: ['7000:1']", "ports: ['7000:1'], profiles: [b]", False),
        ("ports: ['7000:1']", "ports: ['7000:1'], profiles: [a]", True),
        ("ports: ['7000:1'], profiles: [a]", "ports: ['7000:1'], profiles: [b, a]", True),
    ],
)
def test_a_port_that_two_services_want(tmp_path, first, second, clashes):
    text = f"services:\n  a: {{{first}}}\n  b: {{{second}}}\n"

    finding = judge_file(tmp_path, "QCA601", text, host(), COMPOSE_PROFILES="a")

    assert (finding.severity is ERROR) == clashes
    assert ("a and b both publish port 7000" in finding.message) == clashes
