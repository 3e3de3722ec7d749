"""QCA6xx: ports, disks and memory."""

from dataclasses import replace
from typing import Any

import pytest

from infra.doctor.finding import Severity
from infra.host.facts import ContainerPort, Disk, EngineImage, HostFacts, Listener, MemoryFacts
from infra.host.image_names import hide_names
from qca.core.units import GIB, MIB
from tests.support.hosts import (
    CUDA_TRAINER_IMAGE,
    PLUGIN,
    STORE_IMAGE,
    TRAINER_IMAGE,
    disk,
    engine,
    host,
    image,
    judge,
    one,
)
from tests.support.verdicts import (
    ERROR,
    INFO,
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


def _publish(container: str, project: str, port: int = 6379, **facts: Any) -> HostFacts:
    """Return a host with a container that publishes a port through docker-proxy."""
    published = ContainerPort(address="127.0.0.1", port=port, container=container, project=project)
    proxy = Listener(address="127.0.0.1", port=port, pid=812, process="docker-proxy")
    return host(container_ports=(published,), listeners=(proxy,), **facts)


def _work(fault: Any) -> Disk:
    return replace(disk("work"), write_fault=fault)


def _with_images(*images: EngineImage, free: int = 40 * GIB, **changes: Any) -> HostFacts:
    """Return a host whose engine has these images, and this much free space for more."""
    return host(images=images, disks=(disk("work"), disk("docker", free)), **changes)


def _hide_images(reason: str) -> HostFacts:
    """Return a host with little free space whose engine's images are unknown."""
    return host(images=reason, disks=(disk("work"), disk("docker", 40 * GIB)))


def _in_containerd(*disks: Disk) -> HostFacts:
    """Return a host whose engine, which has no image, stores images in containerd."""
    return host(docker=engine(driver="overlayfs"), images=(), disks=disks)


# A host, and the verdict on the images that its stack needs.
_OWN_STORE = {"store_image": "example.com/store:1"}
IMAGE_CASES: list[tuple[Any, ...]] = [
    (_with_images(TRAINER_IMAGE, STORE_IMAGE, free=2 * GIB), OK, ""),
    (_with_images(STORE_IMAGE, free=3 * GIB), OK, ""),
    (_with_images(STORE_IMAGE, free=3 * GIB - 1), WARNING, "the trainer image (3 GiB)"),
    (_with_images(TRAINER_IMAGE, free=GIB), OK, ""),
    (_with_images(TRAINER_IMAGE, free=GIB - 1), WARNING, "dragonfly:v1.40.1 (1 GiB)"),
    (_with_images(TRAINER_IMAGE), SKIPPED, "store:1, whose size is unknown", _OWN_STORE),
    (_with_images(TRAINER_IMAGE, free=50 * GIB), OK, "", _OWN_STORE),
    # The trainer image needs 3 GiB of it.
    (_with_images(free=52 * GIB), SKIPPED, "whose size is unknown", _OWN_STORE),
    (_with_images(free=2 * GIB), WARNING, "store:1 (size unknown)", _OWN_STORE),
    # A CPU's trainer image has no layer in common with a GPU's.
    (_with_images(CUDA_TRAINER_IMAGE, STORE_IMAGE, free=2 * GIB), WARNING, "trainer image"),
    (_hide_images("the list is too long"), OK, ""),
    (_hide_images("the list is too long"), SKIPPED, "the list is too long.", _OWN_STORE),
    (_in_containerd(disk("docker", 2 * GIB), disk("images", 40 * GIB)), OK, ""),
    (_in_containerd(disk("docker"), disk("images", GIB)), WARNING, "/images has 1 GiB"),
    (_in_containerd(disk("docker")), SKIPPED, "stores images is not visible"),
]

CASES = [
    # The host.
    HostCase("QCA601", host(), OK, "publishes no ports"),
    HostCase("QCA601", host(), OK, "Port 6379 is free", {"store_port": 6379}),
    HostCase("QCA601", _listen("redis-server", 812), OK, "publishes no ports"),
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
    *(
        HostCase("QCA601", facts, severity, says, {"store_port": 6379, "project": "mine"})
        for facts, severity, says in [
            (_publish("b-store-1", "b"), ERROR, "container b-store-1 of project b.\n"),
            (_publish("cache", ""), ERROR, "in use by the container cache.\n"),
            (_publish("mine-store-1", "mine"), OK, "by this stack, which is running"),
            (_publish("b-store-1", "b", 6380), OK, "Port 6379 is free"),
        ]
    ),
    HostCase("QCA601", host(listeners="only root sees them on macOS"), SKIPPED, "only root"),
    HostCase("QCA602", host(), OK),
    HostCase(
        "QCA602", host(disks=(disk("docker", 5 * MIB), disk("work"))), ERROR, "/docker has 5 MiB"
    ),
    HostCase("QCA602", host(disks=(disk("docker"), disk("work", 5 * MIB))), OK),
    HostCase("QCA602", host(disks=(disk("docker"), disk("work", 5 * MIB))), ERROR, "/work", LOCAL),
    *(
        HostCase("QCA602", host(disks=(disk("docker"), _work(fault))), ERROR, says, stack)
        for fault, says in [
            ("read-only", "/work cannot be written to: its file system is read-only"),
            ("no-permission", "this user does not have the permission"),
        ]
        for stack in ({}, LOCAL)
    ),
    HostCase("QCA602", host(disks=(disk("docker"), _work("none"))), OK),
    HostCase("QCA602", host(disks=(_work("none"),)), OK, "for checkpoints", LOCAL),
    HostCase("QCA602", host(disks=(disk("work"),)), SKIPPED, "not visible from here"),
    HostCase("QCA602", host(disks="denied"), SKIPPED),
    *(HostCase("QCA602", *case) for case in IMAGE_CASES),
    HostCase("QCA603", host(), OK, "fits"),
    HostCase(
        "QCA603",
        host(memory=MemoryFacts(total=16 * GIB, available=64 * MIB, cgroup_limit=None)),
        ERROR,
        "may only use",
    ),
    HostCase("QCA603", host(memory="no /proc"), SKIPPED),
    *(
        HostCase("QCA603", host(docker=engine(cpus=16), compose=PLUGIN), ERROR, says, stack)
        for stack, says in [
            ({"maxmemory": 900 * GIB}, "its maxmemory of 900 GiB for 4 threads"),
            ({"proactor_threads": 64}, "its maxmemory of 16 GiB for 64 threads"),
        ]
    ),
]

_PYTORCH = "image: pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime"
_CACHE = image("dragonflydb/dragonfly:v1.30.0")

# Lines after the first service, the verdict on the images of the file, its line, and the host.
FILE_IMAGE_CASES: list[tuple[str, Severity, str, int, HostFacts]] = [
    ("", OK, "The engine has the images of", 3, _with_images(_CACHE, free=GIB)),
    ("", OK, "which need 1 GiB", 3, _with_images()),
    (
        "  b: {image: redis}\n",
        SKIPPED,
        "have redis, whose size is unknown",
        4,
        _with_images(_CACHE),
    ),
    (f"  b: {{{_PYTORCH}}}\n", WARNING, "(8 GiB)", 4, _with_images(_CACHE, free=8 * GIB - 1)),
    (f"  b: {{{_PYTORCH}}}\n", OK, "which need 8 GiB", 4, _with_images(_CACHE, free=8 * GIB)),
    (f"  b: {{{_PYTORCH}}}\n", WARNING, "v1.30.0 (1 GiB)", 3, _with_images(free=8 * GIB)),
    ("  b: {build: .}\n", SKIPPED, "the image of service b", 4, _with_images(_CACHE)),
    ("  b: {build: ., image: mine}\n", SKIPPED, "have mine, whose", 4, _with_images(_CACHE)),
    ("  b: {build: ., image: mine}\n", OK, "", 3, _with_images(_CACHE, image("mine:latest"))),
    (f"  b: {{{_PYTORCH}, profiles: [x]}}\n", INFO, "profile x", 4, _with_images(_CACHE, free=GIB)),
    ("  b: {image: redis}\n", OK, "ample for redis", 3, _with_images(free=51 * GIB)),
    (
        "  b: {image: redis}\n",
        SKIPPED,
        "no engine was asked",
        3,
        _hide_images("no engine was asked"),
    ),
]

FILE_CASES = [
    FileCase("QCA601", "    ports: ['6379:6379']\n", ERROR, "redis-server (pid 812)", 4),
    FileCase("QCA601", "    ports: ['6380:6379']\n", OK, "free", 4),
    *(
        FileCase("QCA601", "    ports: ['6379:6379']\n", severity, says, 4, facts)
        for facts, severity, says in [
            (_publish("cache", ""), ERROR, "in use by the container cache.\n"),
            (_publish("b-cache-1", "b"), WARNING, "If that is this file, already running"),
        ]
    ),
    FileCase("QCA601", "    ports: ['6379:6379/tcp']\n", ERROR, "redis-server", 4),
    FileCase("QCA601", "    ports: ['6379:6379/udp', '6380:1']\n", OK, "6380 is free", 4),
    FileCase(
        "QCA601",
        "    ports: [{target: 6379, published: 6379, protocol: udp}, '6380:1']\n",
        OK,
        "6380 is free",
        4,
    ),
    *(FileCase("QCA602", *case) for case in FILE_IMAGE_CASES),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_host(case: HostCase):
    assert_host_verdict(case)


@pytest.mark.parametrize("case", FILE_CASES, ids=str)
def test_file(tmp_path, case: FileCase):
    assert_file_verdict(tmp_path, case)


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("redis", "redis:latest"),
        ("redis:8", "redis:8"),
        ("docker.io/library/redis:8", "redis:8"),
        ("docker.io/grafana/loki:3", "grafana/loki:3"),
        ("localhost:5000/redis", "localhost:5000/redis:latest"),
        (f"redis:8@sha256:{'0' * 64}", f"redis@sha256:{'0' * 64}"),
    ],
)
@pytest.mark.parametrize("is_recorded", [False, True])
def test_an_image_of_a_file_is_found_in_the_engine(tmp_path, name, listed, is_recorded):
    images = (image(listed),)
    facts = host(images=hide_names(images) if is_recorded else images)

    finding = judge_file(tmp_path, "QCA602", f"services: {{a: {{image: '{name}'}}}}\n", facts)

    assert (finding.severity, finding.summary[:10]) == (OK, "The engine")


def test_a_disk_too_small_for_the_image_is_a_separate_warning():
    cramped = _with_images(free=2 * GIB)

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
def test_a_port_published_by_two_services(tmp_path, first, second, clashes):
    text = f"services:\n  a: {{{first}}}\n  b: {{{second}}}\n"

    finding = judge_file(tmp_path, "QCA601", text, host(), COMPOSE_PROFILES="a")

    assert (finding.severity is ERROR) == clashes
    assert ("a and b both publish port 7000" in finding.message) == clashes


def test_a_full_work_folder_has_remedies_even_if_no_checkpoint_fits():
    full = host(disks=(disk("work", 5 * MIB),))

    finding = one(full, "QCA602", stack=LOCAL)

    assert [remedy.commands for remedy in finding.remedies] == [("qca runs",), ("df -h",)]
