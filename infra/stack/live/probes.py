"""Plan the live probes of a stack: the containers, images and time limits of each."""

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

from infra.host.container_gpu import list_cdi_devices
from infra.host.facts import (
    LIVE_FACTS,
    Engine,
    GpuDriver,
    HostFacts,
    Unknown,
    VolumeWrite,
    known_or_none,
)
from infra.stack.compose_document import CONTAINER_RUNS, build_compose_document, is_distroless
from infra.stack.live.folder import format_user, make_folder, try_folder
from infra.stack.live.gpu import run_on_gpu
from infra.stack.live.images import ImageSource, ProbeImages
from infra.stack.live.lookup import look_up_names
from infra.stack.live.sandbox import Sandbox
from infra.stack.live.store import run_store
from infra.stack.live.volumes import write_volumes
from infra.stack.plan import StackPlan
from infra.stack.run_storage import RunStorage
from infra.stack.secret import ensure_secret
from infra.stack.services import STORE, TRAINER
from qca.core.frozen import frozen_dataclass

# A container starts within a second or two; a slow disk or an emulated engine takes longer.
_SHORT_SECONDS = 20.0
# Dragonfly answers within a second; failures of its health check count only after five seconds.
_STORE_SECONDS = 30.0
# Importing torch from a cold disk takes a minute on a laptop.
_GPU_SECONDS = 120.0


@frozen_dataclass
class LiveProbe:
    """A probe that starts containers."""

    fact: str
    """The field of `HostFacts` that it determines."""
    activity: str
    """The description of the probe, for the list that the user confirms."""
    images: tuple[ImageSource, ...]
    """The images of its containers."""
    seconds: float
    """The time limit of each of its containers."""
    run: Callable[[Sandbox, Path], object]
    """The function to call with the sandbox and the work folder; it leaves nothing behind there."""


@frozen_dataclass
class Circumstances:
    """The inputs for planning the probes."""

    facts: HostFacts
    plan: StackPlan
    storage: RunStorage
    images: ProbeImages
    least_seconds: float = 0.0
    """The minimum time limit of a probe."""

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """The planned services of the stack."""
        return build_compose_document(self.plan, self.storage)["services"]

    @property
    def user(self) -> str:
        """The user that the services run as."""
        return format_user(self.storage)


def plan_probes(
    circumstances: Circumstances, wanted: Collection[str]
) -> tuple[list[LiveProbe], dict[str, Unknown]]:
    """Return the probes for the requested facts, and the reasons for omitting other facts."""
    probes: list[LiveProbe] = []
    unknown: dict[str, Unknown] = {}
    for fact in LIVE_FACTS:
        if fact not in wanted:
            continue
        probe = _MAKERS[fact](circumstances)
        obstacle = _explain_no_gpu(circumstances) if fact == "live_gpu" else ""
        if obstacle := obstacle or probe.images[0].obstacle:
            unknown[fact] = Unknown(reason=obstacle)
        else:
            probes.append(probe)
    return probes, unknown


def _make_lookup(given: Circumstances) -> LiveProbe:
    image, seconds = given.images.shell, max(_SHORT_SECONDS, given.least_seconds)
    return LiveProbe(
        "live_lookups",
        "look up a name on a network like the stack's, and a public name",
        (image,),
        seconds,
        lambda sandbox, _: look_up_names(sandbox, image.name, seconds),
    )


def _make_mount(given: Circumstances) -> LiveProbe:
    image, seconds = given.images.shell, max(_SHORT_SECONDS, given.least_seconds)

    def run(sandbox: Sandbox, work_dir: Path) -> object:
        with make_folder(work_dir) as folder:
            return try_folder(sandbox, image.name, given.storage, folder, seconds)

    return LiveProbe(
        "live_mount",
        f"mount a new folder within this one, and write there as {given.user}",
        (image,),
        seconds,
        run,
    )


def _make_volumes(given: Circumstances) -> LiveProbe:
    seconds = max(_SHORT_SECONDS, given.least_seconds)
    return LiveProbe(
        "live_volumes",
        f"write a file into each volume as {given.user}, and remove it",
        (given.images.store, *([given.images.trainer] if given.images.trainer else [])),
        seconds,
        lambda sandbox, _: _write_all_volumes(sandbox, given, seconds),
    )


def _write_all_volumes(
    sandbox: Sandbox, given: Circumstances, seconds: float
) -> tuple[VolumeWrite, ...]:
    store, trainer = given.services[STORE], given.services[TRAINER]
    write = partial(write_volumes, sandbox, user=given.user, seconds=seconds)
    if is_distroless(store["image"]):
        written = _skip_volumes(STORE, store, given.user, "its image has no shell")
    else:
        written = write(name=STORE, service=store, volumes={})
    image = given.images.trainer
    if image is None:
        why = "its image is built by `qca up`"
        return (*written, *_skip_volumes(TRAINER, trainer, given.user, why))
    volumes = _find_volumes(sandbox, given.storage)
    named = {**trainer, "image": image.name}
    return (*written, *write(name=TRAINER, service=named, volumes=volumes))


def _find_volumes(sandbox: Sandbox, storage: RunStorage) -> dict[str, str]:
    """Return the volume for the runs by its target: the existing volume, or else a new one."""
    if storage.volume is None:
        return {}
    return {CONTAINER_RUNS: sandbox.find_volume(storage.volume) or sandbox.create_volume()}


def _skip_volumes(
    name: str, service: dict[str, Any], user: str, why: str
) -> tuple[VolumeWrite, ...]:
    targets = [mount.partition(":")[0] for mount in service["tmpfs"]]
    return tuple(
        VolumeWrite(service=name, target=target, kind="tmpfs", user=user, written=None, detail=why)
        for target in targets
    )


def _make_store(given: Circumstances) -> LiveProbe:
    seconds = max(_STORE_SECONDS, given.least_seconds)
    owner = given.storage.find_container_user()

    def run(sandbox: Sandbox, work_dir: Path) -> object:
        with make_folder(work_dir) as folder:
            flags_file = folder / "store.flags"
            ensure_secret(flags_file)
            return run_store(sandbox, given.services[STORE], owner, flags_file, seconds)

    activity = "start the store with its planned flags, and wait until it is healthy"
    return LiveProbe("live_store", activity, (given.images.store,), seconds, run)


def _make_gpu(given: Circumstances) -> LiveProbe:
    image, seconds = given.images.python, max(_GPU_SECONDS, given.least_seconds)
    trainer = given.plan.trainer
    gpus = trainer.gpus.value if trainer.device.value == "cuda" else 1
    run = partial(
        run_on_gpu,
        image=image.name,
        service=given.services[TRAINER],
        gpus=gpus,
        user=given.user,
        seconds=seconds,
    )
    activity = "initialize CUDA, then allocate memory and multiply numbers on the GPU"
    return LiveProbe("live_gpu", activity, (image,), seconds, lambda sandbox, _: run(sandbox))


def _explain_no_gpu(given: Circumstances) -> str:
    """Return the reason why no GPU is tested; an empty string if a container requests one."""
    if given.plan.trainer.device.value == "cuda":
        return ""
    gpu, engine = given.facts.gpu, known_or_none(given.facts.docker)
    if isinstance(engine, Engine) and ("nvidia" in engine.runtimes or list_cdi_devices(engine)):
        return ""
    if isinstance(gpu, Unknown):
        return f"cannot determine whether there is a GPU: {gpu.reason}"
    if isinstance(gpu.value, GpuDriver) and gpu.value.gpus:
        return ""
    return "training is planned for the CPU, and no NVIDIA GPU was found"


_MAKERS: dict[str, Callable[[Circumstances], LiveProbe]] = {
    "live_lookups": _make_lookup,
    "live_mount": _make_mount,
    "live_volumes": _make_volumes,
    "live_store": _make_store,
    "live_gpu": _make_gpu,
}
