"""QCA402: does training fit in the memory of its GPU or MIG slice?"""

from dataclasses import asdict

from infra.doctor.analysis.gpu_need import (
    GpuNeed,
    collect_need_evidence,
    compute_gpu_need,
)
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, ok, skip
from infra.doctor.mig_slices import judge_slices
from infra.doctor.remedies.gpu_memory import offer_roomier_gpus, offer_smaller_training
from infra.doctor.remedies.gpu_processes import describe_holders, free_memory
from infra.doctor.subjects import HostSubject
from infra.host.facts import Gpu
from qca.core.units import format_size


def _judge_host(subject: HostSubject) -> Verdict:
    if subject.plan.trainer.device.value != "cuda":
        return ok("Training runs on the CPU and needs no GPU memory.")
    gpu = subject.plan.trainer.fullest_gpu
    if gpu is None:
        return skip("Cannot determine whether training fits: no usable GPU (QCA401).")
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
        f"Training fits: it needs {format_size(need.bytes)}, and {gpu.name} has "
        f"{format_size(gpu.memory_free)} free.\n{need.parts}.",
        **evidence,
    )


def _report_over_budget(
    subject: HostSubject, gpu: Gpu, need: GpuNeed, evidence: dict[str, object]
) -> Verdict:
    message = (
        f"Training needs {format_size(need.bytes)}, more than the budget of "
        f"{format_size(subject.plan.trainer.budget_bytes.value or 0)} in the configuration.\n"
        f"{need.parts}. {gpu.name} itself has {format_size(gpu.memory_free)} free."
    )
    return Verdict(Severity.ERROR, message, evidence, offer_smaller_training(subject))


def _report_too_large(
    subject: HostSubject, gpu: Gpu, need: GpuNeed, evidence: dict[str, object]
) -> Verdict:
    message = (
        f"Training needs {format_size(need.bytes)}; {gpu.name} has "
        f"{format_size(gpu.memory_free)} of {format_size(gpu.memory_total)} free.\n{need.parts}."
    )
    remedies = (*offer_roomier_gpus(subject, need.bytes), *offer_smaller_training(subject))
    if need.bytes <= gpu.memory_total - gpu.memory_reserved and gpu.processes:
        holders = describe_holders(gpu.processes)
        message += "\nIt would fit if the GPU were not in use."
        message += f" Processes that use its memory: {holders}." if holders else ""
        remedies = (*free_memory(gpu.processes, need.bytes - gpu.memory_free), *remedies)
    evidence |= {"processes": [asdict(process) for process in gpu.processes]}
    return Verdict(Severity.ERROR, message, evidence, remedies)


CHECK = Check(
    id="QCA402",
    category="gpu",
    title="Training does not fit the GPU's free memory",
    needs=("gpu",),
    looks_at="the predicted peak of the configured training (`qca estimate` shows its parts) plus "
    "the CUDA context, compared with the free memory of its GPU: the first one, unless "
    "CUDA_VISIBLE_DEVICES names another, or in MIG mode one slice.",
    why="PyTorch would fail with `CUDA out of memory` minutes into the run. The allocator's "
    "figures do not include the context (300 to 600 MiB since CUDA 11.7).",
    fix="Recompute activations, use smaller batches, stop the processes that use the memory (but "
    "not the desktop, which would end your login), or train a narrower model. Half precision does "
    "not halve the memory, because the cast weights are kept in addition to the originals.",
    url="https://docs.pytorch.org/docs/stable/notes/cuda.html#memory-management",
    judge_host=_judge_host,
)
