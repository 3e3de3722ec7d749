"""QCA401: can the training use a GPU, layer by layer?"""

from infra.doctor.check import Check
from infra.doctor.container_gpu_errors import GPU_ERRORS
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.training import offer_cpu_training
from infra.doctor.subjects import HostSubject
from infra.host.container_gpu import (
    CDI_FOR_NVIDIA,
    Obstacle,
    assess_gpu_access,
    list_cdi_devices,
    select_training_gpus,
)
from infra.host.facts import Engine, GpuDriver, NoGpuDriver, known_or_none, require
from infra.host.snap import is_from_snap
from qca.core.versions import parse_version


def _judge_host(subject: HostSubject) -> Verdict:
    driver = require(subject.facts.gpu)
    if isinstance(driver, NoGpuDriver):
        what, remedies = _NO_DRIVER[driver.state]
        system = known_or_none(subject.facts.system)
        if system and system.wsl_gpu and driver.state in ("no-device", "no-driver"):
            what, remedies = "WSL2 has a GPU (/dev/dxg), and no NVIDIA driver answers.", _WSL
        evidence = {"state": driver.state, "cards": list(driver.cards)}
        return _report_missing(subject, f"{what}\n{driver.detail}", evidence, remedies)
    if not driver.gpus:
        return _report_missing(subject, "The NVIDIA driver shows no GPU.", {}, ())
    names = ", ".join(gpu.name for gpu in driver.gpus)
    evidence = {
        "gpus": [gpu.name for gpu in driver.gpus],
        "driver_version": driver.driver_version,
    }
    if subject.is_local_run and not select_training_gpus(driver, "local", "all"):
        message = f"CUDA_VISIBLE_DEVICES={driver.visible_devices} hides {names} from the training."
        return _report_missing(subject, message, evidence, (_SHOW_GPUS,))
    if not subject.needs_containers:
        message = f"{names}, driver {driver.driver_version}; a local run needs no more."
        return ok(message, **evidence)
    return _judge_containers(subject, driver, names, evidence)


def _report_missing(
    subject: HostSubject, message: str, evidence: dict[str, object], remedies: tuple[Remedy, ...]
) -> Verdict:
    """Return the verdict on a missing GPU: an error only if the configuration asks for one."""
    if subject.config.train.device == "cuda":
        message += '\nThe configuration asks for `device = "cuda"`.'
        return Verdict(Severity.ERROR, message, evidence, (*remedies, *offer_cpu_training(subject)))
    message += "\nThe training runs on the CPU, with a small model unless told otherwise."
    severity = Severity.WARNING if remedies else Severity.INFO
    return Verdict(severity, message, evidence, remedies)


def _judge_containers(
    subject: HostSubject, driver: GpuDriver, names: str, evidence: dict[str, object]
) -> Verdict:
    engine = known_or_none(subject.facts.docker)
    if not isinstance(engine, Engine):
        return skip(f"{names} is here; no engine answered that could hand it out.", **evidence)
    evidence |= {
        "toolkit": driver.toolkit,
        "cdi": list_cdi_devices(engine),
        "runtimes": list(engine.runtimes),
    }
    if _is_desktop_on_linux(subject, engine):
        message = (
            f"Containers cannot use {names}: Docker Desktop's engine runs in a virtual machine, "
            "to which Linux hands no NVIDIA GPU."
        )
        return _report_no_access(subject, message, evidence, (_USE_DEFAULT_CONTEXT,))
    access = assess_gpu_access(engine, driver)
    if access.usable:
        message = f"Containers can use {names}, driver {driver.driver_version}: {access.because}."
        return ok(message, **evidence)
    if access.usable is None:
        message = f"Whether containers can use {names} cannot be told.\nThe reason: "
        return skip(f"{message}{access.because}.", **evidence)
    message = (
        f"Containers cannot use {names}: {access.because}.\nA container that asks for it ends "
        f"with: {GPU_ERRORS[access.obstacle]}"
    )
    evidence["obstacle"] = str(access.obstacle)
    remedies = _REMEDIES[_classify(engine, driver, access.obstacle)]
    return _report_no_access(subject, message, evidence, remedies)


def _is_desktop_on_linux(subject: HostSubject, engine: Engine) -> bool:
    """Whether the engine is Docker Desktop's on Linux itself (nvidia-docker issue 1711)."""
    system = known_or_none(subject.facts.system)
    is_linux = system is not None and system.system == "Linux" and not system.wsl
    return is_linux and "Docker Desktop" in engine.operating_system


def _classify(engine: Engine, driver: GpuDriver, obstacle: Obstacle) -> str:
    """Return the key of the remedies: the obstacle, or how the toolkit comes to this engine."""
    if obstacle is not Obstacle.NO_TOOLKIT:
        return obstacle
    if is_from_snap(engine):
        return "snap-with-toolkit" if "nvidia" in engine.runtimes else "snap"
    takes_cdi = driver.toolkit is not None and parse_version(engine.version) >= CDI_FOR_NVIDIA
    return "takes-cdi" if takes_cdi else obstacle


def _report_no_access(
    subject: HostSubject, message: str, evidence: dict[str, object], remedies: tuple[Remedy, ...]
) -> Verdict:
    if subject.plan.trainer.device.value == "cuda":
        return Verdict(Severity.ERROR, message, evidence, (*remedies, *offer_cpu_training(subject)))
    message += "\nThe training runs on the CPU instead."
    return Verdict(Severity.WARNING, message, evidence, remedies)


_RESTARTS_DOCKER = "restarting Docker stops the running containers, unless live-restore is on"

_SHOW_GPUS = Remedy("Show it again, in this shell", ("unset CUDA_VISIBLE_DEVICES",))
_INSTALL_TOOLKIT = Remedy(
    "Install the NVIDIA Container Toolkit and register it (its package source first: "
    "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html)",
    (
        "sudo apt-get install -y nvidia-container-toolkit",
        "sudo nvidia-ctk runtime configure --runtime=docker",
        "sudo systemctl restart docker",
    ),
    breaks=_RESTARTS_DOCKER,
)
_WRITE_CDI_FILE = Remedy(
    "Describe the GPUs for the engine in a CDI file",
    (
        "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",
        "sudo systemctl restart docker",
    ),
    breaks=f"the file is to be written anew after each upgrade of the driver; {_RESTARTS_DOCKER}",
)
_RESTART_SNAP = Remedy(
    "Let the snap find the driver again; it sets up its toolkit when it starts",
    ("sudo snap set docker nvidia-support.disabled=false", "sudo snap restart docker"),
    breaks=_RESTARTS_DOCKER,
)
_REMOVE_HOST_TOOLKIT = Remedy(
    "Remove this host's toolkit, since the snap has its own, and reboot",
    (
        "sudo apt-get remove nvidia-container-toolkit nvidia-container-toolkit-base "
        "libnvidia-container-tools libnvidia-container1",
        "sudo reboot",
    ),
    breaks="ends everything that runs on this machine; other engines here lose their GPU",
)

_USE_DEFAULT_CONTEXT = Remedy(
    "Use the engine of this machine itself, if it is installed (`docker-ce`)",
    ("docker context use default",),
    breaks="every docker command of this user follows the default context from then on",
)
_WSL = (
    Remedy(
        "Install NVIDIA's driver on Windows, never inside WSL, and start WSL again: in PowerShell "
        "`wsl --update`, then `wsl --shutdown` (https://docs.nvidia.com/cuda/wsl-user-guide/)"
    ),
    Remedy("See whether the driver's library is there", ("ls -l /usr/lib/wsl/lib",)),
)
_RESTART_DOCKER = Remedy(
    "Restart the daemon, which looks for the toolkit when it starts",
    ("sudo systemctl restart docker",),
    breaks=_RESTARTS_DOCKER,
)
_WRITE_CDI_FILE_ANEW = Remedy(
    "Write the CDI file anew, for the driver that runs",
    ("sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",),
    breaks="after the next upgrade of the driver it is to be written again (toolkit 1.18 and newer "
    "do so by themselves)",
)
_CONFIGURE = "nvidia-ctk config --set nvidia-container-cli.no-cgroups"
_SET_NO_CGROUPS = Remedy(
    "Tell the toolkit that the engine is rootless",
    (f"sudo {_CONFIGURE} --in-place",),
    breaks="engines that run as root on this machine lose their GPU",
)
_CLEAR_NO_CGROUPS = Remedy(
    "Tell the toolkit that the engine is not rootless",
    (f"sudo {_CONFIGURE}=false --in-place",),
    breaks="rootless engines on this machine lose their GPU",
)
_REMEDIES: dict[str, tuple[Remedy, ...]] = {
    "snap": (_RESTART_SNAP,),
    "snap-with-toolkit": (_REMOVE_HOST_TOOLKIT,),
    "takes-cdi": (_WRITE_CDI_FILE, _INSTALL_TOOLKIT),
    Obstacle.NO_TOOLKIT: (_INSTALL_TOOLKIT,),
    Obstacle.NOT_RESTARTED: (_RESTART_DOCKER,),
    Obstacle.STALE_CDI: (_WRITE_CDI_FILE_ANEW,),
    Obstacle.NEEDS_NO_CGROUPS: (_SET_NO_CGROUPS,),
    Obstacle.NO_CGROUPS: (_CLEAR_NO_CGROUPS,),
}

# What NVML's failure means, and what fixes it.
_NO_DRIVER: dict[str, tuple[str, tuple[Remedy, ...]]] = {
    "no-device": ("There is no NVIDIA GPU here.", ()),
    "no-driver": (
        "There is an NVIDIA GPU and no driver for it.",
        (Remedy("See which driver Ubuntu recommends", ("ubuntu-drivers devices",)),),
    ),
    "not-loaded": (
        "The NVIDIA driver is installed, but its kernel module is not loaded.",
        (Remedy("Load it", ("sudo modprobe nvidia",)),),
    ),
    "no-permission": (
        "The NVIDIA driver is there, but this user may not use it.",
        (Remedy("See who may", ("ls -l /dev/nvidia*",)),),
    ),
    "version-mismatch": (
        "The NVIDIA driver's library and kernel module are of different versions.",
        (
            Remedy(
                "Reboot: the driver was upgraded and the old module is still loaded",
                ("sudo reboot",),
                breaks="ends everything that runs on this machine",
            ),
        ),
    ),
}

CHECK = Check(
    id="QCA401",
    category="gpu",
    title="No usable GPU for containers",
    needs=("gpu",),
    looks_at="the layers from the bottom up: a device, a driver whose library and kernel "
    "module agree, and what lets the engine hand the device to a container: the toolkit's "
    "hook, which dockerd finds on its own PATH, or (from Engine 29.2 on) a CDI device that "
    "it discovered.",
    why="Without it a container that asks for a GPU is not started. A registered nvidia "
    "runtime is not required, and is not enough by itself. Before Engine 29.2 CDI devices "
    "serve only those who ask for the driver `cdi` (moby pull request 50228). On a machine "
    "without a GPU this is no fault; the training runs on the CPU.",
    fix="Install what the message names, the driver first; restart the daemon after the "
    "toolkit; reboot after an upgrade of the driver.",
    url="https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/"
    "install-guide.html",
    judge_host=_judge_host,
)
