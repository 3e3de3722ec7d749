"""QCA402: does the training fit the memory of the GPU, or of the MIG slice, that it gets?"""

from dataclasses import asdict

from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, ok, skip
from infra.doctor.gpu_need import (
    GpuNeed,
    collect_need_evidence,
    compute_gpu_need,
    find_training_gpu,
)
from infra.doctor.mig_slices import judge_slices
from infra.doctor.remedies.gpu_memory import offer_roomier_gpus, offer_smaller_training
from infra.doctor.remedies.gpu_processes import describe_holders, free_memory
from infra.doctor.subjects import HostSubject
from infra.host.facts import Gpu
from qca.core.units import format_size


def _judge_host(subject: HostSubject) -> Verdict:
    if subject.plan.trainer.device.value != "cuda":
        return ok("No GPU memory is asked for: the training runs on the CPU.")
    gpu = find_training_gpu(subject)
    if gpu is None:
        return skip("There is no GPU whose memory could be compared (QCA401).")
    need = compute_gpu_need(subject.plan.trainer)
    if gpu.mig:
        return judge_slices(subject, gpu, need)
    return _judge_gpu(subject, gpu, need)


def _judge_gpu(subject: HostSubject, gpu: Gpu, need: GpuNeed) -> Verdict:
    evidence = {
        **collect_need_evidence(subject.plan.trainer),
        "gpu": gpu.index,
        "memory_free": gpu.memory_free,
        "memory_total": gpu.memory_total,
    }
    if need.bytes > gpu.memory_free:
        return _report_too_large(subject, gpu, need, evidence)
    if subject.plan.trainer.fits.value is False:
        return _report_over_budget(subject, gpu, need, evidence)
    return ok(
        f"The training fits: {format_size(need.bytes)} of {format_size(gpu.memory_free)} free on "
        f"{gpu.name}.\n{need.parts}.",
        **evidence,
    )


def _report_over_budget(
    subject: HostSubject, gpu: Gpu, need: GpuNeed, evidence: dict[str, object]
) -> Verdict:
    message = (
        f"The training needs {format_size(need.bytes)}, more than the budget of "
        f"{format_size(subject.plan.trainer.budget_bytes.value or 0)} in the configuration.\n"
        f"{need.parts}. {gpu.name} itself has {format_size(gpu.memory_free)} free."
    )
    return Verdict(Severity.ERROR, message, evidence, offer_smaller_training(subject))


def _report_too_large(
    subject: HostSubject, gpu: Gpu, need: GpuNeed, evidence: dict[str, object]
) -> Verdict:
    message = (
        f"The training needs {format_size(need.bytes)}; {gpu.name} has "
        f"{format_size(gpu.memory_free)} free of {format_size(gpu.memory_total)}.\n{need.parts}."
    )
    remedies = (*offer_roomier_gpus(subject, need.bytes), *offer_smaller_training(subject))
    if need.bytes <= gpu.memory_total - gpu.memory_reserved and gpu.processes:
        holders = describe_holders(gpu.processes)
        message += "\nIt would fit an empty GPU."
        message += f" Memory is held by: {holders}." if holders else ""
        remedies = (*free_memory(gpu.processes, need.bytes - gpu.memory_free), *remedies)
    evidence |= {"processes": [asdict(process) for process in gpu.processes]}
    return Verdict(Severity.ERROR, message, evidence, remedies)


CHECK = Check(
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
    judge_host=_judge_host,
)
