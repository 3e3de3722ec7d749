"""QCA401: can training use a GPU? Checks each layer."""

from infra.doctor.analysis.container_gpu_errors import GPU_ERRORS
from infra.doctor.analysis.gpu_groups import describe_gpus
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.gpu_access import (
    GPU_ACCESS_REMEDIES,
    NO_DRIVER,
    SHOW_GPUS,
    USE_DEFAULT_CONTEXT,
)
from infra.doctor.remedies.refused_gpu import READ_LOG, explain_refusal
from infra.doctor.remedies.training import offer_cpu_training
from infra.doctor.subjects import HostSubject
from infra.host.container_gpu import (
    CDI_FOR_NVIDIA,
    Obstacle,
    assess_gpu_access,
    list_cdi_devices,
    select_training_gpus,
)
from infra.host.facts import (
    Engine,
    GpuDriver,
    NoGpuDriver,
    RefusedGpu,
    known_or_none,
    require,
)
from infra.host.gpu_names import find_unresolved
from infra.host.snap import is_from_snap
from qca.core.versions import parse_version


def _judge_host(subject: HostSubject) -> Verdict:
    driver = require(subject.facts.gpu)
    evidence: dict[str, object]
    if driver.refused_gpus and not (isinstance(driver, GpuDriver) and driver.gpus):
        return _report_refused(subject, driver.refused_gpus)
    if isinstance(driver, NoGpuDriver):
        what, remedies = NO_DRIVER[_find_layer(subject, driver)]
        evidence = {
            "state": driver.state,
            "cards": list(driver.cards),
            "module": driver.module,
            "module_signed": driver.module_signed,
            "module_refusal": driver.module_refusal,
        }
        refusal = f"\nThe kernel log: {driver.module_refusal}" if driver.module_refusal else ""
        message = f"{what}\nWhy: {driver.detail}{refusal}"
        return _report_missing(subject, message, evidence, remedies)
    if not driver.gpus:
        return _report_missing(
            subject, "The NVIDIA driver runs, but does not show a GPU.", {}, (READ_LOG,)
        )
    names = describe_gpus(driver.gpus, driver.gpus)
    evidence = {
        "gpus": [gpu.name for gpu in driver.gpus],
        "driver_version": driver.driver_version,
    }
    if subject.is_local_run and not select_training_gpus(driver, "local", "all"):
        message = f"CUDA_VISIBLE_DEVICES={driver.visible_devices} hides {names} from training."
        return _report_missing(subject, message, evidence, (SHOW_GPUS,))
    if not subject.needs_containers:
        message = f"{names}, driver {driver.driver_version}; a local run needs nothing else."
        return ok(message, **evidence)
    return _judge_containers(subject, driver, names, evidence)


def _find_layer(subject: HostSubject, driver: NoGpuDriver) -> str:
    """Return the key of the obstacle: the layer at which NVML failed, or a layer below it."""
    system = known_or_none(subject.facts.system)
    if system and system.wsl_gpu and driver.state in ("no-device", "no-driver"):
        return "wsl"
    if driver.nouveau and driver.state in ("no-driver", "not-loaded"):
        return "nouveau"
    if driver.state == "not-loaded":
        return _find_module_fault(driver)
    return driver.state


def _find_module_fault(driver: NoGpuDriver) -> str:
    """Return the key of the reason why the kernel does not load the driver's module."""
    if driver.module == "":
        return "no-module"
    if driver.module_refusal or (driver.secure_boot and driver.module_signed is False):
        return "unsigned-module"
    return "secure-boot" if driver.secure_boot and driver.module_refusal is None else driver.state


def _report_refused(subject: HostSubject, refused: tuple[RefusedGpu, ...]) -> Verdict:
    what, remedies = explain_refusal(refused[0])
    evidence: dict[str, object] = {"refused": [gpu.name for gpu in refused]}
    return _report_missing(subject, what, evidence, remedies)


def _report_missing(
    subject: HostSubject, message: str, evidence: dict[str, object], remedies: tuple[Remedy, ...]
) -> Verdict:
    """Return the verdict on a missing GPU: an error only if the configuration asks for a GPU."""
    if subject.config.train.device == "cuda":
        message += '\nThe configuration sets `device = "cuda"`.'
        return Verdict(Severity.ERROR, message, evidence, (*remedies, *offer_cpu_training(subject)))
    message += "\nTraining runs on the CPU, by default with a small model."
    severity = Severity.WARNING if remedies else Severity.INFO
    return Verdict(severity, message, evidence, remedies)


def _judge_containers(
    subject: HostSubject, driver: GpuDriver, names: str, evidence: dict[str, object]
) -> Verdict:
    engine = known_or_none(subject.facts.docker)
    if not isinstance(engine, Engine):
        return skip(
            f"Cannot determine whether containers can use {names}: no engine answered.", **evidence
        )
    evidence |= {
        "toolkit": driver.toolkit,
        "cdi": list_cdi_devices(engine),
        "runtimes": list(engine.runtimes),
    }
    if _is_desktop_on_linux(subject, engine):
        message = (
            f"Containers cannot use {names}: Docker Desktop's engine runs in a virtual machine, "
            "which has no access to an NVIDIA GPU on Linux."
        )
        return _report_no_access(subject, message, evidence, (USE_DEFAULT_CONTEXT,))
    access = assess_gpu_access(engine, driver)
    if access.usable and _has_no_numbers(engine, driver):
        message = (
            f"The trainer's container cannot use {names}: it requests the GPU by number, but the "
            "engine's CDI devices have no numbers, as under WSL2.\nIt fails with: CDI device "
            "injection failed: unresolvable CDI devices nvidia.com/gpu=0"
        )
        return _report_no_access(subject, message, evidence, GPU_ACCESS_REMEDIES["no-numbers"])
    if access.usable:
        message = f"Containers can use {names}, driver {driver.driver_version}: {access.because}."
        return ok(message, **evidence)
    if access.usable is None:
        message = f"Cannot determine whether containers can use {names}: "
        return skip(f"{message}{access.because}.", **evidence)
    message = (
        f"Containers cannot use {names}: {access.because}.\nA container that requests it fails "
        f"with: {GPU_ERRORS[access.obstacle]}"
    )
    evidence["obstacle"] = str(access.obstacle)
    remedies = GPU_ACCESS_REMEDIES[_classify(engine, driver, access.obstacle)]
    return _report_no_access(subject, message, evidence, remedies)


def _has_no_numbers(engine: Engine, driver: GpuDriver) -> bool:
    """Return whether only a CDI file without the GPUs' numbers gives access to them (WSL2)."""
    unresolved = find_unresolved(engine, driver, ("0",))
    return unresolved is not None and unresolved.by_cdi_only


def _is_desktop_on_linux(subject: HostSubject, engine: Engine) -> bool:
    """Return whether this is Docker Desktop on Linux outside WSL (nvidia-docker issue 1711)."""
    system = known_or_none(subject.facts.system)
    is_linux = system is not None and system.system == "Linux" and not system.wsl
    return is_linux and "Docker Desktop" in engine.operating_system


def _classify(engine: Engine, driver: GpuDriver, obstacle: Obstacle) -> str:
    """Return the key of the remedies: the obstacle, or this engine's way to install the toolkit."""
    if obstacle is not Obstacle.NO_TOOLKIT:
        return obstacle
    if is_from_snap(engine):
        return "snap-with-toolkit" if "nvidia" in engine.runtimes else "snap"
    # If the engine already has CDI devices, the hook is missing, not the file.
    lacks_file = driver.toolkit is not None and not list_cdi_devices(engine)
    takes_cdi = parse_version(engine.version) >= CDI_FOR_NVIDIA
    return "takes-cdi" if lacks_file and takes_cdi else obstacle


def _report_no_access(
    subject: HostSubject, message: str, evidence: dict[str, object], remedies: tuple[Remedy, ...]
) -> Verdict:
    if subject.plan.trainer.device.value == "cuda":
        return Verdict(Severity.ERROR, message, evidence, (*remedies, *offer_cpu_training(subject)))
    message += "\nTraining runs on the CPU instead."
    return Verdict(Severity.WARNING, message, evidence, remedies)


CHECK = Check(
    id="QCA401",
    category="gpu",
    title="No usable GPU for containers",
    needs=("gpu",),
    looks_at="three layers, from the bottom up: a device, a driver whose library and kernel module "
    "have the same version, and containers' access to the device (the toolkit's hook on dockerd's "
    "PATH or, since Engine 29.2, a CDI device that the engine discovered).",
    why="Without them the engine does not start a container that requests a GPU. A registered "
    "nvidia runtime is neither required nor sufficient. Before Engine 29.2, CDI devices are only "
    "used if the request names the driver `cdi` (moby pull request 50228). Under WSL2 a CDI file "
    "only names `all`, but the stack requests GPUs by number. On a machine without a GPU this is "
    "not a fault: training runs on the CPU.",
    fix="Install the component that the message names, the driver first. Restart the daemon after "
    "installing the toolkit, and reboot after upgrading the driver.",
    url="https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/"
    "install-guide.html",
    judge_host=_judge_host,
)
