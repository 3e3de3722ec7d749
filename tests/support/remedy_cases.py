"""Hosts and Compose files that together produce every remedy.

`test_commands` runs the printed commands; `test_remedy_sites` verifies that every place in the
source that creates a remedy is covered.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from infra.compose_file.load import read_compose_files
from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Remedy
from infra.host.facts import (
    ComposePlugin,
    ComposeV1,
    ContainerPort,
    CpuFacts,
    Disk,
    FolderMount,
    GpuRun,
    GpuStep,
    HostFacts,
    LibraryUser,
    Listener,
    MemoryFacts,
    MigDevice,
    NameLookup,
    NoGpuDriver,
    PythonFacts,
    RefusedGpu,
    StandaloneCompose,
    VolumeWrite,
)
from infra.host.recording import load
from qca.core.units import GIB, MIB
from tests.support.hosts import (
    BROKEN_GPU_CONTAINERS,
    MAC,
    NO_PLUGIN,
    PLUGIN,
    WSL_SYSTEM,
    compose_v1,
    config,
    disk,
    driver,
    engine,
    gpu,
    host,
    no_engine,
    process,
    seeds_laptop,
    toolkit,
    user_installed,
)

ENGINES = ("not-installed", "not-running", "no-permission", "bad-host", "bad-context", "no-answer")
OTHER_ENGINES = (
    "unix:///run/user/1000/docker.sock",
    "unix:///home/USER/.docker/desktop/docker.sock",
    "unix:///home/USER/.colima/default/docker.sock",
    "unix:///run/user/1000/podman/podman.sock",
    "ssh://user@gpu-server:22",
    "tcp://10.0.0.5:2375",
)
DRIVERS = ("no-device", "no-driver", "not-loaded", "no-permission", "version-mismatch")
HOSTS = sorted((Path(__file__).parents[1] / "hosts").glob("*.json"))
COMPOSE, LOCAL, CUDA = {"runtime": "compose"}, {"runtime": "local"}, {"device": "cuda"}


@dataclass(frozen=True)
class Trouble:
    """A host, its configuration, and a project's Compose files, in order."""

    host: HostFacts
    stack: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def make_shadowed_v1(**changes: Any) -> ComposeV1:
    """Return Debian's Compose V1, with newer libraries of the user that shadow its own."""
    v1 = compose_v1(
        "5.0.3",
        "2.28.1",
        "1.26.12",
        users=(
            LibraryUser(
                distribution="jupyterlab-server", version="2.27", requirement="requests>=2.32"
            ),
            LibraryUser(distribution="other", version="1.0", requirement="requests>=2.31"),
        ),
        user_site="/home/USER/.local/lib/python3.11/site-packages",
        **changes,
    )
    v1.libraries["requests"] = user_installed("2.32.5", over="2.28.1")
    v1.libraries["urllib3"] = user_installed("2.5.0", over="1.26.12")
    return v1


def _python(**changes: Any) -> PythonFacts:
    """Return an interpreter in a folder with a space in its name, without any distributions."""
    values: dict[str, Any] = {
        "version": "3.13.1",
        "executable": "/opt/my qca/bin/python",
        "distributions": {},
        "torch_cuda": None,
    }
    return PythonFacts(**{**values, **changes})


def _make_host_with_listener(pid: int | None, name: str | None) -> HostFacts:
    listener = Listener(address="::", port=6379, pid=pid, process=name)
    return host(listeners=(listener,))


SNAP_CLIENT = ComposePlugin(version="2.35.1", docker_client="/snap/bin/docker")


def _snap(folder: str = "/home/USER/qca", **facts: Any) -> HostFacts:
    """Return a host with Docker from a snap and a work folder; `docker` changes the engine."""
    docker = {
        "root_dir": "/var/snap/docker/common/var-lib-docker",
        "version": "28.1.1",
        "security_options": ("name=apparmor", "name=seccomp,profile=builtin"),
        **facts.pop("docker", {}),
    }
    work = Disk(purpose="work", path=folder, total=200 * GIB, free=100 * GIB)
    given = {"compose": SNAP_CLIENT, "disks": (work, disk("docker")), **facts}
    return host(docker=engine(**docker), **given)


def _docker() -> Iterator[Trouble]:
    for state in ENGINES:
        yield Trouble(host(docker=no_engine(state)), COMPOSE)
    yield Trouble(host(docker=no_engine("no-permission", group_member=True)), COMPOSE)
    yield Trouble(host(docker=no_engine("not-running", other_sockets=("unix:///run/a b.sock",))))
    for state in ("not-running", "no-permission", "no-answer"):
        yield Trouble(host(docker=no_engine(state), compose=SNAP_CLIENT), COMPOSE)
        for address in OTHER_ENGINES:
            yield Trouble(host(docker=replace(no_engine(state), host=address)), COMPOSE)
    yield Trouble(host(docker=no_engine("not-running"), system=MAC), COMPOSE)
    yield Trouble(host(docker=replace(no_engine("bad-host"), host="DOCKER_TLS")), COMPOSE)
    offline = engine(warnings=("WARNING: IPv4 forwarding is disabled",))
    yield Trouble(host(docker=offline), COMPOSE)
    yield Trouble(_snap(), COMPOSE)
    yield Trouble(_snap("/srv/qca"), COMPOSE)
    yield Trouble(_snap(compose=NO_PLUGIN), COMPOSE)


def _compose() -> Iterator[Trouble]:
    standalone = StandaloneCompose(path="/opt/a b/docker-compose", version="5.0.0")
    yield Trouble(host(compose=NO_PLUGIN), COMPOSE)
    yield Trouble(host(compose=NO_PLUGIN, docker_compose=standalone), COMPOSE)
    yield Trouble(host(compose=replace(PLUGIN, fixed_api="1.99")), COMPOSE)
    yield Trouble(host(compose=NO_PLUGIN, docker_compose=make_shadowed_v1()), COMPOSE)
    yield Trouble(host(docker_compose=compose_v1("7.1.0", "2.32.5", "2.5.0")))
    old = ComposePlugin(
        version="2.5.0",
        docker_client="/usr/bin/docker",
        client_version="20.10.24+dfsg1",
        missing_credential_helpers=("docker-credential-desktop",),
    )
    yield Trouble(host(docker=engine(version="29.1.3"), compose=old), COMPOSE)
    own = "~/.local/share/qca/compose-v1/bin/docker-compose"
    beside = compose_v1("6.1.3", "2.31.0", "2.5.0", path=own)
    yield Trouble(host(docker_compose=make_shadowed_v1(beside=beside)))


def _dragonfly() -> Iterator[Trouble]:
    yield Trouble(seeds_laptop(), {**COMPOSE, "maxmemory": "2GiB", "proactor_threads": 16})
    yield Trouble(host(), {"maxmemory": "15GiB"})
    armv8_0 = CpuFacts(online=4, affinity=4, cgroup_quota=None, features=("asimd", "crc32"))
    yield Trouble(host(cpu=armv8_0, docker=engine(daemon_architecture="arm64")), COMPOSE)


def _slice(free: int, uuid: str = "MIG-1") -> MigDevice:
    return MigDevice(name="1g.10gb", uuid=uuid, memory_total=10 * GIB, memory_free=free)


def _gpu() -> Iterator[Trouble]:
    for state in DRIVERS:
        yield Trouble(host(gpu=NoGpuDriver(state=state, detail="x")), train=CUDA)
    yield Trouble(host(gpu=driver(gpu(), toolkit=None)), train=CUDA)
    for changes, facts in BROKEN_GPU_CONTAINERS.values():
        yield Trouble(host(docker=engine(**changes), gpu=driver(gpu(), **facts)), COMPOSE)
    yield Trouble(host(gpu=NoGpuDriver(state="no-driver", detail="x", nouveau=True)))
    yield Trouble(host(gpu=NoGpuDriver(state="not-loaded", detail="x", secure_boot=True)))
    yield Trouble(host(gpu=driver()))
    for needs in ("older-driver", "open-module", "proprietary-module"):
        refused = RefusedGpu(name="NVIDIA GeForce GTX 1050", needs=needs, branch="580")
        yield Trouble(host(gpu=driver(refused_gpus=(refused,))))
    old = driver(gpu(), container_toolkit=toolkit(version="1.14.6"))
    yield Trouble(host(gpu=old), COMPOSE)
    no_module = NoGpuDriver(state="not-loaded", detail="x", module="")
    yield Trouble(host(gpu=no_module))
    yield Trouble(host(gpu=replace(no_module, module="nvidia.ko", module_refusal="x")))
    desktop = engine(operating_system="Docker Desktop")
    yield Trouble(host(docker=desktop, gpu=driver(gpu())), COMPOSE, CUDA)
    yield Trouble(host(system=WSL_SYSTEM, gpu=NoGpuDriver(state="no-device", detail="x")))
    full = gpu(memory_free=MIB, processes=(process("a; b"),))
    large = {**CUDA, "recompute": "none", "batch_size": 4}
    yield Trouble(host(gpu=driver(full)), train=large)
    yield Trouble(host(gpu=driver(gpu(memory_free=1250 * MIB))), train={**CUDA, "batch_size": 8})
    kept = {**CUDA, "recompute": "none"}
    yield Trouble(host(gpu=driver(gpu(memory_free=2 * GIB))), train=kept)
    old = host(gpu=driver(gpu(), driver_version="535.1"), python=_python(torch_cuda="13.0"))
    yield Trouble(old, LOCAL, CUDA)
    yield Trouble(old, COMPOSE, CUDA)
    pascal = gpu(compute_capability=(6, 1))
    yield Trouble(host(gpu=driver(pascal), python=_python(torch_cuda="13.0")), LOCAL, CUDA)
    yield Trouble(host(gpu=driver(pascal)), COMPOSE, CUDA)
    yield Trouble(host(gpu=driver(gpu(compute_capability=(6, 1)), driver_version="500.1")))
    yield Trouble(host(gpu=driver(gpu(), visible_devices="")), LOCAL, CUDA)
    yield Trouble(host(gpu=driver(gpu())), train={**CUDA, "budget": "1GiB"})
    yield Trouble(host(gpu=driver(gpu(memory_free=MIB), gpu(index=1, uuid="GPU-1"))), train=CUDA)
    for slices in ((), (_slice(MIB),), (_slice(MIB), _slice(9 * GIB, "MIG-2/7/0"))):
        sliced = gpu(mig=True, mig_devices=slices)
        yield Trouble(host(gpu=driver(sliced)), train={**CUDA, "budget": None})
    two = {"gpus": 2}
    yield Trouble(host(gpu=driver(gpu())), two, CUDA)
    both = (gpu(), gpu(index=1, uuid="GPU-1"))
    yield Trouble(host(gpu=driver(*both, visible_devices="1")), {**LOCAL, **two}, CUDA)
    yield Trouble(host(gpu=driver(*both, visible_devices="")), {**LOCAL, **two}, CUDA)
    yield Trouble(host(gpu=NoGpuDriver(state="no-driver", detail="x")), {**LOCAL, **two}, CUDA)
    yield Trouble(host(gpu=driver(full)), train={**CUDA, "profile": "default"})
    alone = driver(gpu(), toolkit="/usr/bin/nvidia-ctk")
    yield Trouble(host(gpu=alone, docker=engine(version="29.3.0")), train=CUDA)
    yield Trouble(_snap(gpu=driver(gpu())), train=CUDA)
    set_up = {"runtimes": ("nvidia",), "version": "29.3.1"}
    yield Trouble(_snap(gpu=driver(gpu()), docker=set_up), train=CUDA)


def _machine() -> Iterator[Trouble]:
    yield Trouble(host(python=_python(), gpu=driver(gpu())), LOCAL)
    yield Trouble(host(python=_python(externally_managed=True)), LOCAL)
    yield Trouble(host(gpu=driver(gpu())), LOCAL, CUDA)
    yield Trouble(_make_host_with_listener(8, "redis server"), {"store_port": 6379})
    yield Trouble(_make_host_with_listener(None, None), {"store_port": 6379})
    other = ContainerPort(address="", port=6379, container="b-store-1", project="b")
    busy = host(container_ports=(other,))
    yield Trouble(busy, {"store_port": 6379})
    yield Trouble(busy, files={"c.yaml": "services: {a: {image: redis, ports: ['6379:6379']}}\n"})
    yield Trouble(host(disks=(disk("docker", MIB), disk("work", MIB))))
    yield Trouble(host(disks=(disk("work", MIB),)), LOCAL)
    small = MemoryFacts(total=2 * GIB, available=GIB, cgroup_limit=None)
    yield Trouble(host(memory=small), COMPOSE, {"device": "cpu", "profile": "default"})
    middling = MemoryFacts(total=2 * GIB, available=1400 * MIB, cgroup_limit=None)
    yield Trouble(host(memory=middling), COMPOSE, {"device": "cpu", "profile": "default"})
    one_checkpoint = 220 * MIB
    yield Trouble(host(disks=(disk("docker", one_checkpoint), disk("work", one_checkpoint))))


def _live() -> Iterator[Trouble]:
    for network in ("stack", "default"):
        lookup = NameLookup(name="store", network=network, found=False)
        yield Trouble(host(live_lookups=(lookup,)), COMPOSE)
    for fault in ("elsewhere", "unwritable"):
        yield Trouble(host(live_mount=FolderMount(image="x", user="1:1", fault=fault)), COMPOSE)
    write = VolumeWrite(service="trainer", target="/x", kind="volume", user="1:1", written=False)
    yield Trouble(host(live_volumes=(write,)), COMPOSE)
    failures: tuple[tuple[GpuStep, int], ...] = (
        *(("init", 2), ("init", 999), ("init", 802), ("kernel", 209), ("result", 0)),
    )
    for step, code in failures:
        run = GpuRun(image="x", seconds=1, failed_at=step, code=code)
        yield Trouble(host(live_gpu=run), COMPOSE, CUDA)


def _files() -> Iterator[Trouble]:
    """Yield files whose names bash would split or interpret."""
    head = "services:\n  cache:\n    image: dragonflydb/dragonfly:v1.40.0\n"
    limited = host(docker=engine(cpus=16, most_memlock=8 * MIB))
    for keys in (
        "    command: ['--maxmemory', '2G', '--proactor_threads', '16']\n",
        "    command:\n      - --maxmemory=2G\n      - --dir=/$$HOME\n",
        "    command: --http_admin_console=false --proactor_threads=1\n",
        "    command: ['--save_schedule=*:30', --proactor_threads=1]\n",
        "    environment: {DFLY_PASSWORD: hunter2, DFLY_proactor_threads: 1}\n",
        "    command: --maxmemory=${MAX:-2G} --proactor_threads=16\n",
        "    ulimits: {memlock: -1}\n    ports: ['6379:6379']\n",
        "    privileged: true\n",
        "    pid: host\n",
        "    network_mode: 'host'  # why\n",
        "    ports: ['7000:1', '7001:1']\n",
        "    ports:\n      - 7000:1\n      - 0.0.0.0:7001:1\n",
        "    volumes:\n      - /var/run/docker.sock:/s:ro\n      - data:/data\n",
        "    environment:\n      DB_PASSWORD: hunter2\n",
        "    environment:\n      - DB_PASSWORD=hunter2\n",
        "    ports: ['7000:1']\n  other: {image: redis, ports: ['7000:1']}\n",
        "  old:\n    image: dragonflydb/dragonfly:v1.34.1\n    cpus: 2\n"
        "    command: --maxmemory=300mb --proactor_threads=1\n",
    ):
        yield Trouble(limited, files={"my stack/it's $(a) file; rm.yml": head + keys})


def _read_recorded_hosts() -> Iterator[Trouble]:
    for path in HOSTS:
        yield Trouble(load(path), COMPOSE, CUDA)
        yield Trouble(load(path), LOCAL, CUDA)


TROUBLE = [
    *_docker(),
    *_compose(),
    *_dragonfly(),
    *_gpu(),
    *_machine(),
    *_live(),
    *_files(),
    *_read_recorded_hosts(),
]


def write(trouble: Trouble, folder: Path) -> None:
    """Write the files to a folder."""
    for name, text in trouble.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def examine_trouble(trouble: Trouble) -> list[Finding]:
    """Examine it in a temporary folder; the findings have file names without that folder."""
    stack, train = dict(trouble.stack), dict(trouble.train)
    if not trouble.files:
        return examine(trouble.host, config(stack, train))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        write(trouble, Path())
        file = read_compose_files([Path(next(iter(trouble.files)))], {})
        return examine(trouble.host, config(stack, train), files=[file])


FOUND = [(trouble, examine_trouble(trouble)) for trouble in TROUBLE]
FINDINGS = [finding for _, found in FOUND for finding in found if finding.remedies]
REMEDIES: dict[tuple[str, ...], Remedy] = {
    remedy.commands: remedy for finding in FINDINGS for remedy in finding.remedies
}
COMMANDS = sorted(
    {
        command
        for remedy in REMEDIES.values()
        for command in (*remedy.commands, *remedy.undo)
        if not remedy.edits
    }
)
EDITS = [
    (trouble, remedy)
    for trouble, found in FOUND
    for finding in found
    for remedy in finding.remedies
    if remedy.edits
]
