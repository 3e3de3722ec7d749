"""GPUs that services of compose files ask for: can the engine hand them out?"""

from collections.abc import Iterator

from infra.compose_file.devices import DeviceRequest
from infra.compose_file.model import Service
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.container_gpu import GpuAccess, gpu_access, is_elsewhere, version_of
from infra.host.facts import Engine, GpuDriver, require

# containerd finds a runtime by such a name itself; the engine need not have it registered.
_OF_CONTAINERD = "io.containerd."
_CDI_DRIVER = (25, 0)
_CDI_TOLD = (28, 3)
"""First engine whose answer lists every CDI device that it has found."""


def _gpus(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for service in file.services:
        if (runtime := service.runtime) is not None:
            yield from (locate(one, file, runtime) for one in _runtime(subject, service))
        for key, devices in service.devices.items():
            for request in devices.requests:
                yield locate(_device(subject, service, request, key), file, devices)


def _runtime(subject: FileSubject, service: Service) -> Iterator[Verdict]:
    engine, name = require(subject.facts.docker), service.runtime.value if service.runtime else ""
    told = f"Whether service {service.name} gets its GPU cannot be told"
    if not isinstance(engine, Engine):
        if name == "nvidia":
            yield skip(f"{told}: no engine.")
    elif engine.runtimes and name not in engine.runtimes and not name.startswith(_OF_CONTAINERD):
        which = ", ".join(engine.runtimes)
        # So says Engine 26; 20.10 says "Unknown runtime specified nvidia".
        message = (
            f"Service {service.name} asks for the runtime {name}; the engine has {which}.\n"
            f"The engine ends with: unknown or invalid runtime name: {name}"
        )
        yield Verdict(Severity.ERROR, message, {"service": service.name})
    elif name == "nvidia":
        access = _access(subject, engine)
        if access.usable:
            yield ok(f"Service {service.name}: the engine can hand it a GPU.")
        else:
            why = f"the nvidia runtime is registered, but {access.because}"
            yield skip(f"{told}: {why}.")


def _device(subject: FileSubject, service: Service, asked: DeviceRequest, key: str) -> Verdict:
    engine = require(subject.facts.docker)
    told = f"Whether service {service.name} gets its GPU cannot be told"
    if not isinstance(engine, Engine):
        return skip(f"{told}: no engine.")
    if asked.driver == "cdi":
        return _cdi(service, engine, asked)
    if not asked.is_for_nvidia:
        if asked.driver not in ("", "nvidia") or "amd" in asked.capabilities:
            return skip(f"{told}: the device driver is not NVIDIA's.")
        why = "its driver for NVIDIA does not know all of the capabilities"
        return _refused(service, f"for devices ({key}), which no engine gives: {why}", asked)
    access = _access(subject, engine)
    if access.usable is None:
        return skip(f"{told}: {access.because}.")
    if not access.usable:
        why = f"for a GPU ({key}), which no container gets here: {access.because}"
        return _refused(service, why, asked)
    return _too_many(subject, service, asked, key) or ok(
        f"Service {service.name}: the engine can hand it a GPU."
    )


def _access(subject: FileSubject, engine: Engine) -> GpuAccess:
    gpu = require(subject.facts.gpu)
    if isinstance(gpu, GpuDriver) and gpu.gpus:
        return gpu_access(engine, gpu)
    return GpuAccess(None if is_elsewhere(engine) else False, "this host shows no GPU")


def _cdi(service: Service, engine: Engine, asked: DeviceRequest) -> Verdict:
    if version_of(engine) < _CDI_DRIVER:
        why = f"for CDI devices, which Engine {engine.version} (before 25) does not know"
        return _refused(service, why, asked)
    lacks = [name for name in asked.ids if name not in engine.cdi_devices]
    if not lacks:
        return ok(f"Service {service.name}: the engine has found its CDI devices.")
    if version_of(engine) < _CDI_TOLD or is_elsewhere(engine):
        return skip(f"Whether the engine finds {lacks[0]} cannot be told: it does not say.")
    message = (
        f"Service {service.name} asks for {lacks[0]}, which the engine has not found.\n"
        f"The engine ends with: CDI device injection failed: unresolvable CDI devices {lacks[0]}"
    )
    return Verdict(Severity.ERROR, message, {"service": service.name})


def _too_many(
    subject: FileSubject, service: Service, asked: DeviceRequest, key: str
) -> Verdict | None:
    """Refuse more GPUs than there are, where those are of the engine's machine."""
    engine, gpu = require(subject.facts.docker), require(subject.facts.gpu)
    if not isinstance(engine, Engine) or is_elsewhere(engine) or not isinstance(gpu, GpuDriver):
        return None
    there = len(gpu.gpus)
    numbers = [int(one) for one in asked.ids if one.isdecimal()]
    last = max([*numbers, (int(asked.count) if asked.count.isdecimal() else 0) - 1])
    if last < there:
        return None
    message = (
        f"Service {service.name} asks for GPU {last} ({key}), counted from 0; this host has "
        f"{there}.\nThe container ends with: device error: {last}: unknown device"
    )
    return Verdict(Severity.ERROR, message, {"service": service.name, "gpus": there})


def _refused(service: Service, why: str, asked: DeviceRequest) -> Verdict:
    message = f"Service {service.name} asks {why}.\nThe engine ends with: {asked.refusal}"
    return Verdict(Severity.ERROR, message, {"service": service.name})


GPUS = Check(
    id="QCA706",
    category="file",
    title="A service asks for a GPU that it cannot get",
    needs=("docker", "gpu"),
    looks_at="`gpus:`, `runtime:` and the devices under deploy.resources.reservations: their "
    "driver, capabilities, count and IDs.",
    why="The engine refuses the container, and leaves it in the state `created`.",
    fix="Make the GPU usable (QCA401), or leave the service out, say with a profile. A "
    "reservation wants `driver: nvidia` and `capabilities: [gpu]`; `runtime: nvidia` wants that "
    "runtime registered (`nvidia-ctk runtime configure`), which the others do not.",
    url="https://docs.docker.com/compose/how-tos/gpu-support/",
    judge_file=_gpus,
)
