"""QCA706: can the engine provide the GPUs that the services request?"""

import re
from collections.abc import Iterator

from infra.compose_file.devices import DeviceRequest
from infra.compose_file.limits import read_count
from infra.compose_file.model import Service
from infra.doctor.analysis.container_gpu_errors import describe_unresolved, quote_refusal
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.container_gpu import (
    GpuAccess,
    assess_amd_access,
    assess_gpu_access,
)
from infra.host.facts import Engine, GpuDriver, HostFacts, NoGpuDriver, known_or_none, require
from infra.host.gpu_names import find_unresolved
from qca.core.versions import parse_version

# https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md: vendor/class=name.
_CDI_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z][\w-]*=\S+")
_DEVICE_FILE = re.compile(r"/dev/nvidia(\d+|ctl|-uvm|-uvm-tools|-modeset)")
_WITHOUT_DEVICE_FILES = ("no-device", "no-driver", "not-loaded")
# Values of NVIDIA_VISIBLE_DEVICES that request no GPU.
_NO_GPU = ("", "void", "none")

# containerd finds runtimes with this prefix itself, so they need not be registered with the engine.
_CONTAINERD_RUNTIME = "io.containerd."
_CDI_KNOWN = (25, 0)
"""The first release of the engine that supports CDI devices."""
_CDI_LISTED = (28, 3)
"""The first release of the engine that reports all the CDI devices that it found."""


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file, facts = subject.file, subject.facts
    for service in file.services:
        runtime = service.runtime
        verdict = _judge_runtime(facts, service, runtime.value) if runtime else None
        if runtime and verdict:
            yield locate(verdict, file, runtime)
        for key, devices in service.devices.items():
            for request in devices.requests:
                yield locate(_judge_request(facts, service, request, key), file, devices)
        for device in service.host_devices:
            verdict = _judge_host_device(facts, service, device.value)
            if verdict:
                yield locate(verdict, file, device)
        variable = service.environment.get("NVIDIA_VISIBLE_DEVICES")
        if variable and variable.value not in _NO_GPU and not _requests_gpu(service):
            yield locate(_judge_variable(facts, service), file, variable)


def _judge_runtime(facts: HostFacts, service: Service, runtime: str) -> Verdict | None:
    """Judge the key `runtime`; a registered runtime other than `nvidia` does not concern GPUs."""
    engine = require(facts.docker)
    if not isinstance(engine, Engine):
        return _skip_service(service, "no engine answered") if runtime == "nvidia" else None
    is_registered = not engine.runtimes or runtime in engine.runtimes
    if not is_registered and not runtime.startswith(_CONTAINERD_RUNTIME):
        # The message of Engine 26; 20.10 says "Unknown runtime specified nvidia".
        message = (
            f"Service {service.name} uses the runtime {runtime}, but the engine only has "
            f"{', '.join(engine.runtimes)}.\nThe engine reports: unknown or invalid runtime name: "
            f"{runtime}"
        )
        return Verdict(Severity.ERROR, message, {"service": service.name})
    if runtime != "nvidia":
        return None
    access = _find_access(facts, engine)
    if access.usable:
        return _accept(service)
    return _skip_service(service, f"the nvidia runtime is registered, but {access.because}")


def _judge_request(facts: HostFacts, service: Service, request: DeviceRequest, key: str) -> Verdict:
    engine = require(facts.docker)
    if not isinstance(engine, Engine):
        return _skip_service(service, "no engine answered")
    if request.driver == "cdi":
        return _judge_cdi(service, engine, request)
    if not request.is_for_nvidia:
        return _judge_other_driver(engine, service, request, key)
    access = _find_access(facts, engine)
    amd_access = assess_amd_access(engine) if request.is_for_amd and not access.usable else None
    access = amd_access or access
    if access.usable is None:
        return _skip_service(service, access.because)
    if not access.usable:
        why = f"for a GPU ({key}), but containers have no access to one here: {access.because}"
        return _refuse(service, why, quote_refusal(engine, request, access.obstacle))
    return _judge_names(facts, engine, service, request, key) or _accept(service)


def _judge_names(
    facts: HostFacts, engine: Engine, service: Service, request: DeviceRequest, key: str
) -> Verdict | None:
    """Return the verdict on a GPU that does not exist, or may not exist.

    Return None if all exist, or if this host does not show the engine's GPUs.
    """
    driver = require(facts.gpu)
    if engine.is_elsewhere or not isinstance(driver, GpuDriver):
        return None
    unresolved = find_unresolved(engine, driver, _list_names(request))
    if unresolved is None:
        return None
    if not unresolved.is_missing:
        return _skip_service(
            service, f"the names of the GPUs do not show whether {unresolved.name} exists"
        )
    message = (
        f"Service {service.name} asks for GPU {unresolved.name} ({key}), "
        f"{describe_unresolved(unresolved, driver)}"
    )
    evidence = {"service": service.name, "gpus": len(driver.gpus)}
    return Verdict(Severity.ERROR, message, evidence)


def _list_names(request: DeviceRequest) -> tuple[str, ...]:
    """Return the GPUs that a request names; for a `count`, only the last GPU that it includes."""
    count = read_count(request.count) or 0
    return request.ids or ((str(count - 1),) if count else ())


def _judge_other_driver(
    engine: Engine, service: Service, request: DeviceRequest, key: str
) -> Verdict:
    """Judge a request that the engine's NVIDIA driver does not handle."""
    if request.is_for_amd:
        access = assess_amd_access(engine)
        if access and access.usable:
            return _accept(service)
        because = access.because if access else "the engine shows no AMD GPU"
        return _skip_service(service, because)
    if request.driver not in ("", "nvidia") or "amd" in request.capabilities:
        return _skip_service(service, "the request is for a device driver other than NVIDIA's")
    why = "an engine's NVIDIA driver does not support all of the requested capabilities"
    why = f"for devices ({key}) that no engine provides: {why}"
    return _refuse(service, why, request.refusal)


def _judge_host_device(facts: HostFacts, service: Service, name: str) -> Verdict | None:
    """Judge an entry of `devices`: a CDI device, or an NVIDIA device file."""
    engine = require(facts.docker)
    is_cdi = _CDI_NAME.fullmatch(name)
    if not is_cdi and not _DEVICE_FILE.fullmatch(name):
        return None
    if not isinstance(engine, Engine):
        return _skip_service(service, "no engine answered")
    if is_cdi:
        return _judge_cdi(service, engine, DeviceRequest("cdi", ids=(name,)))
    if engine.is_elsewhere:
        return _skip_service(
            service, "the engine runs on another machine, whose device files are not visible"
        )
    missing = _explain_missing_file(facts)
    if missing:
        message = (
            f"Service {service.name} asks for {name}, which this host does not have: {missing}.\n"
            "The engine reports: error gathering device information while adding custom device "
            f'"{name}": no such file or directory'
        )
        return Verdict(Severity.ERROR, message, {"service": service.name})
    if _requests_gpu(service):
        return None
    message = (
        f"Service {service.name} gets only the device file {name}.\nCUDA also needs the driver's "
        "libraries in the driver's exact version; `gpus: all` or a reservation provides both."
    )
    return Verdict(Severity.INFO, message, {"service": service.name})


def _explain_missing_file(facts: HostFacts) -> str:
    """Return why NVIDIA's device files are missing; empty if they may exist."""
    gpu, system = require(facts.gpu), known_or_none(facts.system)
    if system and system.wsl:
        return "under WSL2 the GPU is /dev/dxg"
    if isinstance(gpu, NoGpuDriver) and gpu.state in _WITHOUT_DEVICE_FILES:
        return gpu.detail
    return ""


def _requests_gpu(service: Service) -> bool:
    is_cdi = any(_CDI_NAME.fullmatch(device.value) for device in service.host_devices)
    return bool(service.devices or service.runtime or is_cdi)


def _judge_variable(facts: HostFacts, service: Service) -> Verdict:
    """Judge a service that requests GPUs only with NVIDIA_VISIBLE_DEVICES."""
    engine = require(facts.docker)
    if not isinstance(engine, Engine) or not engine.default_runtime:
        return _skip_service(service, "the engine's default runtime is unknown")
    if engine.default_runtime == "nvidia":
        access = _find_access(facts, engine)
        return _accept(service) if access.usable else _skip_service(service, access.because)
    message = (
        f"Service {service.name} sets NVIDIA_VISIBLE_DEVICES but starts without a GPU.\nOnly the "
        f"nvidia runtime reads that variable; the default here is {engine.default_runtime}. "
        "Request the GPU with `gpus: all` or with a device reservation."
    )
    return Verdict(Severity.WARNING, message, {"service": service.name})


def _find_access(facts: HostFacts, engine: Engine) -> GpuAccess:
    gpu = require(facts.gpu)
    if isinstance(gpu, GpuDriver) and gpu.gpus:
        return assess_gpu_access(engine, gpu)
    return GpuAccess(None if engine.is_elsewhere else False, "no GPU is visible on this host")


def _accept(service: Service) -> Verdict:
    return ok(f"Service {service.name}: the engine can provide a GPU.")


def _skip_service(service: Service, why: str) -> Verdict:
    return skip(f"Cannot determine whether service {service.name} gets its GPU: {why}.")


def _refuse(service: Service, why: str, error: str) -> Verdict:
    message = f"Service {service.name} asks {why}.\nThe engine reports: {error}"
    return Verdict(Severity.ERROR, message, {"service": service.name})


def _judge_cdi(service: Service, engine: Engine, request: DeviceRequest) -> Verdict:
    if parse_version(engine.version) < _CDI_KNOWN:
        why = f"for CDI devices, which need Engine 25 (this is {engine.version})"
        return _refuse(service, why, request.refusal)
    missing = [name for name in request.ids if name not in engine.cdi_devices]
    if not missing:
        return ok(f"Service {service.name}: the engine has its CDI devices.")
    if parse_version(engine.version) < _CDI_LISTED or engine.is_elsewhere:
        return skip(
            f"Cannot determine whether the engine finds {missing[0]}: it does not report that."
        )
    message = (
        f"Service {service.name} asks for {missing[0]}, which the engine does not have.\nThe "
        f"engine reports: CDI device injection failed: unresolvable CDI devices {missing[0]}"
    )
    return Verdict(Severity.ERROR, message, {"service": service.name})


CHECK = Check(
    id="QCA706",
    category="file",
    title="A service asks for a GPU that it cannot get",
    needs=("docker", "gpu"),
    looks_at="`gpus:`, `runtime:` and the devices under deploy.resources.reservations: their "
    "driver, capabilities, count and IDs (numbers, UUIDs); CDI devices and NVIDIA device files "
    "under `devices:`; and NVIDIA_VISIBLE_DEVICES without any of these.",
    why="The engine does not start the container and leaves it in the state `created`. Measured "
    "on Engine 20.10 without NVIDIA: `nvidia.com/gpu=all` fails with `could not select device "
    "driver`, and `/dev/nvidia0` with `no such file or directory`. With only "
    "NVIDIA_VISIBLE_DEVICES, the container starts without a GPU, because only the nvidia runtime "
    "reads it. Without NVIDIA's toolkit, Engine 29.3 and newer look for AMD GPUs and report `AMD "
    "CDI spec not found`. A UUID must be complete; toolkit 1.15 and newer name CDI devices by "
    "UUID, and under WSL2 the only CDI device is `nvidia.com/gpu=all`.",
    fix="Make the GPU usable (QCA401), or disable the service, for example with a profile. A "
    "reservation needs `driver: nvidia` and `capabilities: [gpu]`. Only `runtime: nvidia` needs "
    "that runtime to be registered (`nvidia-ctk runtime configure`).",
    url="https://docs.docker.com/compose/how-tos/gpu-support/",
    judge_file=_judge_file,
)
