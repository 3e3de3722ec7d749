"""Does the training fit the memory of the GPU, or of the slice of one, that it gets?"""

from collections import Counter
from dataclasses import asdict, dataclass

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.gpu_processes import describe_holders, free_memory
from infra.doctor.subjects import HostSubject
from infra.host.container_gpu import fullest, gpus_of_the_training
from infra.host.facts import Gpu, GpuDriver, MigDevice, NoGpuDriver, require
from qca.core.units import format_size

ON_THE_CPU = Remedy("Train on the CPU", ("QCA_TRAIN_DEVICE=cpu qca up",))
SMALLER_BATCH = "the combined batch is smaller: batch_size for each GPU"


@dataclass(frozen=True)
class _Need:
    """What the training takes, and of what that is made up."""

    bytes: int
    parts: str


def _fits(subject: HostSubject) -> Verdict:
    if subject.plan.trainer.device.value != "cuda":
        return ok("No GPU memory is asked for: the training runs on the CPU.")
    gpu = _fullest(subject)
    if gpu is None:
        return skip("There is no GPU whose memory could be compared (QCA401).")
    if gpu.mig:
        return _slices(subject, gpu)
    evidence = {
        **_evidence(subject),
        "gpu": gpu.index,
        "memory_free": gpu.memory_free,
        "memory_total": gpu.memory_total,
    }
    need = _need(subject)
    if need.bytes > gpu.memory_free:
        return _too_large(subject, gpu, need, evidence)
    if subject.plan.trainer.fits.value is False:
        return _over_budget(subject, need, f"{gpu.name} itself", gpu.memory_free, evidence)
    return ok(
        f"The training fits: {format_size(need.bytes)} of {format_size(gpu.memory_free)} free on "
        f"{gpu.name}.\n{need.parts}.",
        **evidence,
    )


def _fullest(subject: HostSubject) -> Gpu | None:
    driver = require(subject.facts.gpu)
    if isinstance(driver, NoGpuDriver):
        return None
    return fullest(
        gpus_of_the_training(driver, subject.plan.runtime.value, subject.config.stack.gpus)
    )


def _need(subject: HostSubject) -> _Need:
    trainer = subject.plan.trainer
    nccl = " and NCCL" if trainer.is_distributed else ""
    peak, context = trainer.predicted_peak_bytes.value, trainer.context_bytes.value
    return _Need(
        peak + context,
        f"{format_size(peak)} predicted peak (recompute {trainer.recompute.value}) and "
        f"{format_size(context)} CUDA context{nccl}",
    )


def _evidence(subject: HostSubject) -> dict[str, object]:
    trainer = subject.plan.trainer
    return {
        "predicted_peak_bytes": trainer.predicted_peak_bytes.value,
        "context_bytes": trainer.context_bytes.value,
        "budget_bytes": trainer.budget_bytes.value,
        "recompute": trainer.recompute.value,
    }


def _over_budget(
    subject: HostSubject, need: _Need, what: str, free: int, evidence: dict[str, object]
) -> Verdict:
    message = (
        f"The training needs {format_size(need.bytes)}, more than the budget of "
        f"{format_size(subject.plan.trainer.budget_bytes.value or 0)} in the configuration.\n"
        f"{need.parts}. {what} has {format_size(free)} free."
    )
    return Verdict(Severity.ERROR, message, evidence, _smaller(subject))


def _too_large(subject: HostSubject, gpu: Gpu, need: _Need, evidence: dict[str, object]) -> Verdict:
    message = (
        f"The training needs {format_size(need.bytes)}; {gpu.name} has "
        f"{format_size(gpu.memory_free)} free of {format_size(gpu.memory_total)}.\n{need.parts}."
    )
    remedies = (*_roomier(subject, need), *_smaller(subject))
    if need.bytes <= gpu.memory_total - gpu.memory_reserved and gpu.processes:
        holders = describe_holders(gpu.processes)
        message += "\nIt would fit an empty GPU."
        message += f" Memory is held by: {holders}." if holders else ""
        ends = free_memory(gpu.processes, need.bytes - gpu.memory_free)
        remedies = (*ends, *remedies)
    evidence |= {"processes": [asdict(one) for one in gpu.processes]}
    return Verdict(Severity.ERROR, message, evidence, remedies)


def _roomier(subject: HostSubject, need: _Need) -> tuple[Remedy, ...]:
    """Offer as many other GPUs of this host as are asked for, if so many have the room."""
    driver = require(subject.facts.gpu)
    gpus = driver.gpus if isinstance(driver, GpuDriver) else ()
    fitting = [one for one in gpus if one.memory_free >= need.bytes and not one.mig]
    fitting.sort(key=lambda one: -one.memory_free)
    wanted = subject.config.stack.gpus
    taken = fitting if wanted == "all" else fitting[:wanted]
    if not taken or (wanted != "all" and len(taken) < wanted):
        return ()
    each = ", ".join(
        f"GPU {one.index} ({one.name}, {format_size(one.memory_free)} free)" for one in taken
    )
    names = ",".join(str(one.index) for one in taken)
    return (
        Remedy(
            f"Take {each}, in a run without containers",
            (f"CUDA_VISIBLE_DEVICES={names} qca up --runtime local",),
            breaks=SMALLER_BATCH if wanted == "all" else "",
        ),
    )


def _slices(subject: HostSubject, gpu: Gpu) -> Verdict:
    """A program on a GPU in MIG mode gets one slice: the budget is the slice's memory."""
    need = _need(subject)
    alike = Counter(_described(one) for one in gpu.mig_devices)
    listed = ", ".join(f"{count} x {text}" if count > 1 else text for text, count in alike.items())
    evidence = {**_evidence(subject), "slices": [asdict(one) for one in gpu.mig_devices]}
    if not gpu.mig_devices:
        message = (
            f"{gpu.name} is in MIG mode and has no slice: no program can use it.\n"
            "Its whole memory counts for nothing until slices are made, or the mode is left."
        )
        leave = Remedy(
            "Leave MIG mode",
            (f"sudo nvidia-smi -i {gpu.index} -mig 0",),
            breaks="needs a GPU that nobody uses, on some systems a reboot",
        )
        return Verdict(Severity.ERROR, message, evidence, (leave, ON_THE_CPU))
    fitting = [one for one in gpu.mig_devices if one.memory_free >= need.bytes]
    largest = max(gpu.mig_devices, key=lambda one: one.memory_free)
    if not fitting:
        message = (
            f"The training needs {format_size(need.bytes)}; the roomiest slice of {gpu.name} has "
            f"{format_size(largest.memory_free)} free.\n{need.parts}. The slices: {listed}."
        )
        return Verdict(Severity.ERROR, message, evidence, _smaller(subject))
    if len(fitting) < len(gpu.mig_devices):
        message = (
            f"The training needs {format_size(need.bytes)}, which not every slice of {gpu.name} "
            f"has free.\n{need.parts}. The slices: {listed}. Unless told otherwise it gets the "
            "first."
        )
        choose = Remedy(
            f"Take {largest.name}, in a run without containers",
            (f"CUDA_VISIBLE_DEVICES={largest.uuid} qca up --runtime local",),
        )
        return Verdict(Severity.WARNING, message, evidence, (choose, *_smaller(subject)))
    return ok(
        f"The training fits: {format_size(need.bytes)} in a slice of {gpu.name}.\n{need.parts}. "
        f"The slices: {listed}.",
        **evidence,
    )


def _described(device: MigDevice) -> str:
    free, total = format_size(device.memory_free), format_size(device.memory_total)
    return f"{device.name} ({free} free of {total})"


def _smaller(subject: HostSubject) -> tuple[Remedy, ...]:
    train, remedies = subject.plan.train, []
    if subject.plan.trainer.recompute.value == "none":
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


GPU_MEMORY = Check(
    id="QCA402",
    category="gpu",
    title="The training does not fit the GPU's free memory",
    needs=("gpu",),
    looks_at="the predicted peak of the configured training (`qca estimate` shows its parts) "
    "and the CUDA context beside it, against what the GPU that it gets has free now: the first, "
    "unless CUDA_VISIBLE_DEVICES names another; in MIG mode, one slice.",
    why="PyTorch would end with `CUDA out of memory` minutes into the run. The context (300 "
    "to 600 MiB since CUDA 11.7) is in none of the allocator's figures.",
    fix="Recompute activations, take smaller batches, end what holds the memory (never the "
    "desktop, which would take the session with it), or train a narrower model. Half precision "
    "does not halve it: the cast weights are kept beside.",
    url="https://docs.pytorch.org/docs/stable/notes/cuda.html#memory-management",
    judge_host=_fits,
)
