"""Small hosts for tests: only what a plan looks at, the rest unknown."""

from dataclasses import replace

from infra.host.facts.host import (
    ComposePlugin,
    CpuFacts,
    Engine,
    Gpu,
    GpuDriver,
    HostFacts,
    Known,
    MemoryFacts,
    NoEngine,
    PythonFacts,
    Unknown,
)
from qca.core.units import GIB

NOT_SEEN = Unknown(reason="not looked at")
NOTHING_KNOWN = HostFacts(
    system=NOT_SEEN,
    cpu=NOT_SEEN,
    memory=NOT_SEEN,
    docker=NOT_SEEN,
    compose=NOT_SEEN,
    docker_compose=NOT_SEEN,
    gpu=NOT_SEEN,
    python=NOT_SEEN,
    listeners=NOT_SEEN,
    disks=NOT_SEEN,
)

NO_ENGINE = Known(
    value=NoEngine(state="not-running", host="unix:///var/run/docker.sock", detail="refused")
)
COMPOSE = Known(value=ComposePlugin(version="2.40.3", docker_client="/usr/bin/docker"))


def engine(*, cpus: int = 16, memory: int = 16 * GIB, cdi: tuple[str, ...] = ()) -> Known:
    return Known(
        value=Engine(
            host="unix:///var/run/docker.sock",
            context="default",
            version="29.2.0",
            api_version="1.51",
            operating_system="Debian",
            cpus=cpus,
            memory=memory,
            cgroup_version="2",
            runtimes=("runc",),
            cdi_devices=cdi,
            root_dir="/var/lib/docker",
            security_options=(),
            driver="overlay2",
        )
    )


def gpus(*frees: int, visible: str | None = None) -> Known:
    """A driver that shows GPUs of 24 GiB with so much free each."""
    one = gpu(total=24 * GIB, free=24 * GIB).value
    shown = tuple(
        replace(one.gpus[0], index=n, uuid=f"GPU-{n}", memory_free=free)
        for n, free in enumerate(frees)
    )
    return Known(value=replace(one, gpus=shown, visible_devices=visible))


def gpu(*, total: int, free: int) -> Known:
    card = Gpu(
        index=0,
        name="GTX 1650",
        uuid="GPU-0",
        memory_total=total,
        memory_free=free,
        memory_reserved=0,
        compute_capability=(7, 5),
        mig=False,
        processes=(),
    )
    return Known(
        value=GpuDriver(
            driver_version="580.65.06", cuda_version=(13, 0), gpus=(card,), toolkit=None
        )
    )


def python(*, torch_cuda: str | None) -> Known:
    return Known(
        value=PythonFacts(
            version="3.13.0",
            executable="/usr/bin/python3",
            distributions={"torch": "2.13.0"},
            torch_cuda=torch_cuda,
        )
    )


def host(*, cpus: int = 16, memory: int = 16 * GIB, **facts: Known) -> HostFacts:
    """Return a host with that many CPUs and bytes, all of them usable and free."""
    return replace(
        NOTHING_KNOWN,
        cpu=Known(value=CpuFacts(online=cpus, affinity=cpus, cgroup_quota=None)),
        memory=Known(value=MemoryFacts(total=memory, available=memory, cgroup_limit=None)),
        **facts,
    )
