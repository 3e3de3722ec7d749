"""Can the training use a GPU, layer by layer, and does it fit its memory?"""

from infra.doctor.check import Check, Remedy, Severity, Subject, Verdict, ok, seen, skipped, value
from infra.doctor.checks.gpu_cuda import CUDA_CHECKS
from infra.host.facts import Engine, Gpu, GpuDriver, MigDevice, NoGpuDriver
from infra.host.gpu_access import CDI_FOR_NVIDIA, cdi_devices, gpu_access, version_of
from qca.units import format_size

ON_THE_CPU = Remedy("Train on the CPU", ("QCA_TRAIN_DEVICE=cpu qca up",))
_RESTARTS_DOCKER = "restarting Docker stops the running containers, unless live-restore is on"

_TOOLKIT = Remedy(
    "Install the NVIDIA Container Toolkit and register it (its package source first: "
    "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html)",
    (
        "sudo apt-get install -y nvidia-container-toolkit",
        "sudo nvidia-ctk runtime configure --runtime=docker",
        "sudo systemctl restart docker",
    ),
    breaks=_RESTARTS_DOCKER,
)

_DESCRIBE = Remedy(
    "Describe the GPUs for the engine in a CDI file",
    (
        "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",
        "sudo systemctl restart docker",
    ),
    breaks=f"the file is to be written anew after each upgrade of the driver; {_RESTARTS_DOCKER}",
)

# What NVML's failure means, and what mends it.
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


def _usable(subject: Subject) -> Verdict:
    gpu = value(subject.facts.gpu)
    if isinstance(gpu, NoGpuDriver):
        return _no_driver(subject, gpu)
    if not gpu.gpus:
        return _missing(subject, "The NVIDIA driver shows no GPU.", {}, ())
    names = ", ".join(one.name for one in gpu.gpus)
    evidence = {"gpus": [one.name for one in gpu.gpus], "driver_version": gpu.driver_version}
    hidden = gpu.visible_devices is not None and gpu.visible_devices.strip() in ("", "-1")
    if subject.plan.runtime == "local" and hidden:
        message = f"CUDA_VISIBLE_DEVICES={gpu.visible_devices} hides {names} from the training."
        remedy = Remedy("Show it again, in this shell", ("unset CUDA_VISIBLE_DEVICES",))
        return _missing(subject, message, evidence, (remedy,))
    if subject.plan.runtime == "local" and not subject.files:
        return ok(f"{names}, driver {gpu.driver_version}; a local run needs no more.", **evidence)
    return _in_containers(subject, gpu, names, evidence)


def _no_driver(subject: Subject, gpu: NoGpuDriver) -> Verdict:
    what, remedies = _NO_DRIVER[gpu.state]
    evidence = {"state": gpu.state, "cards": list(gpu.cards)}
    return _missing(subject, f"{what}\n{gpu.detail}", evidence, remedies)


def _missing(
    subject: Subject, message: str, evidence: dict[str, object], remedies: tuple[Remedy, ...]
) -> Verdict:
    """No GPU is no fault where nobody asked for one: the training then runs on the CPU."""
    if subject.config.train.device == "cuda":
        message += '\nThe configuration asks for `device = "cuda"`.'
        return Verdict(Severity.ERROR, message, evidence, (*remedies, ON_THE_CPU))
    message += "\nThe training runs on the CPU, with a small model unless told otherwise."
    severity = Severity.WARNING if remedies else Severity.INFO
    return Verdict(severity, message, evidence, remedies)


def _in_containers(
    subject: Subject, gpu: GpuDriver, names: str, evidence: dict[str, object]
) -> Verdict:
    engine = seen(subject.facts.docker)
    if not isinstance(engine, Engine):
        return skipped(f"{names} is here; no engine answered that could hand it out.", **evidence)
    evidence |= {
        "toolkit": gpu.toolkit,
        "cdi": cdi_devices(engine),
        "runtimes": list(engine.runtimes),
    }
    access = gpu_access(engine, gpu)
    if access.usable:
        message = f"Containers can use {names}, driver {gpu.driver_version}: {access.because}."
        return ok(message, **evidence)
    if access.usable is None:
        message = f"Whether containers can use {names} cannot be told.\nThe reason: "
        return skipped(f"{message}{access.because}.", **evidence)
    message = (
        f"Containers cannot use {names}: {access.because}.\nA container that asks for it ends "
        'with: could not select device driver "nvidia" with capabilities: [[gpu]]'
    )
    by_cdi = gpu.toolkit is not None and version_of(engine) >= CDI_FOR_NVIDIA
    remedies = (_DESCRIBE, _TOOLKIT) if by_cdi else (_TOOLKIT,)
    if subject.plan.trainer.device == "cuda":
        return Verdict(Severity.ERROR, message, evidence, (*remedies, ON_THE_CPU))
    message += "\nThe training runs on the CPU instead."
    return Verdict(Severity.WARNING, message, evidence, remedies)


def _fits(subject: Subject) -> Verdict:
    trainer = subject.plan.trainer
    if trainer.device != "cuda":
        return ok("No GPU memory is asked for: the training runs on the CPU.")
    gpu = _gpu_of(value(subject.facts.gpu))
    if gpu is None:
        return skipped("There is no GPU whose memory could be compared (QCA401).")
    if gpu.mig:
        return skipped(
            f"{gpu.name} is in MIG mode: the training gets one slice, not the GPU.\nThe slices: "
            + (", ".join(_slice(one) for one in gpu.mig_devices) or "none is set up"),
            slices=[one.model_dump() for one in gpu.mig_devices],
        )
    needed = trainer.predicted_peak_bytes + trainer.context_bytes
    evidence = {
        "predicted_peak_bytes": trainer.predicted_peak_bytes,
        "context_bytes": trainer.context_bytes,
        "memory_free": gpu.memory_free,
        "memory_total": gpu.memory_total,
        "budget_bytes": trainer.budget_bytes,
        "recompute": trainer.recompute,
    }
    parts = (
        f"{format_size(trainer.predicted_peak_bytes)} predicted peak (recompute "
        f"{trainer.recompute}) and {format_size(trainer.context_bytes)} CUDA context"
    )
    if needed > gpu.memory_free:
        return _too_large(subject, gpu, needed, parts, evidence)
    if trainer.fits is False:
        message = (
            f"The training needs {format_size(needed)}, more than the budget of "
            f"{format_size(trainer.budget_bytes or 0)} in the configuration.\n{parts}. "
            f"{gpu.name} itself has {format_size(gpu.memory_free)} free."
        )
        return Verdict(Severity.ERROR, message, evidence, _smaller(subject))
    return ok(
        f"The training fits: {format_size(needed)} of {format_size(gpu.memory_free)} free on "
        f"{gpu.name}.\n{parts}.",
        **evidence,
    )


def _slice(device: MigDevice) -> str:
    free, total = format_size(device.memory_free), format_size(device.memory_total)
    return f"{device.name} ({free} free of {total})"


def _gpu_of(gpu: GpuDriver | NoGpuDriver) -> Gpu | None:
    """Return the GPU that the plan takes: the one with most free memory."""
    if isinstance(gpu, NoGpuDriver):
        return None
    return max(gpu.gpus, key=lambda one: one.memory_free, default=None)


def _too_large(
    subject: Subject, gpu: Gpu, needed: int, parts: str, evidence: dict[str, object]
) -> Verdict:
    message = (
        f"The training needs {format_size(needed)}; {gpu.name} has "
        f"{format_size(gpu.memory_free)} free of {format_size(gpu.memory_total)}.\n{parts}."
    )
    remedies = _smaller(subject)
    if needed <= gpu.memory_total - gpu.memory_reserved and gpu.processes:
        held = ", ".join(
            f"{one.name} (pid {one.pid}"
            + (f", {format_size(one.used)})" if one.used is not None else ")")
            for one in gpu.processes
        )
        message += f"\nIt would fit an empty GPU. Memory is held by: {held}."
        remedies = (*(_end(one.pid, one.name) for one in gpu.processes), *remedies)
    evidence |= {"processes": [one.model_dump() for one in gpu.processes]}
    return Verdict(Severity.ERROR, message, evidence, remedies)


def _end(pid: int, name: str) -> Remedy:
    return Remedy(f"End {name}", (f"kill {pid}",), breaks=f"ends {name} and what it has not saved")


def _smaller(subject: Subject) -> tuple[Remedy, ...]:
    train, remedies = subject.plan.train, []
    if subject.plan.trainer.recompute == "none":
        remedies.append(
            Remedy(
                "Recompute each step instead of keeping its activations",
                ("QCA_TRAIN_RECOMPUTE=step qca up",),
                breaks="every step runs forward twice",
            )
        )
    if train.batch_size > 1:
        remedies.append(Remedy("Take one sample at a time", ("QCA_TRAIN_BATCH_SIZE=1 qca up",)))
    half = max(1, train.hidden_channels // 2)
    remedies.append(
        Remedy(
            "Train a model of half the width",
            (f"QCA_TRAIN_HIDDEN_CHANNELS={half} qca up",),
            breaks="another model: checkpoints of the wider one do not load",
        )
    )
    return (*remedies, ON_THE_CPU)


CHECKS = (
    Check(
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
        mend="Install what the message names, the driver first; restart the daemon after the "
        "toolkit; reboot after an upgrade of the driver.",
        url="https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/"
        "install-guide.html",
        judge=_usable,
    ),
    Check(
        id="QCA402",
        category="gpu",
        title="The training does not fit the GPU's free memory",
        needs=("gpu",),
        looks_at="the predicted peak of the configured training (`qca estimate` shows its parts) "
        "and the CUDA context beside it, against what the GPU has free now.",
        why="PyTorch would end with `CUDA out of memory` minutes into the run. The context (300 "
        "to 600 MiB since CUDA 11.7) is in none of the allocator's figures.",
        mend="Recompute activations, take smaller batches, end what holds the memory, or train a "
        "narrower model. Half precision does not halve it: the cast weights are kept beside.",
        url="https://docs.pytorch.org/docs/stable/notes/cuda.html#memory-management",
        judge=_fits,
    ),
    *CUDA_CHECKS,
)
