"""Check whether training fits in one MIG slice; a program can use only one."""

from collections import Counter
from dataclasses import asdict

from infra.doctor.analysis.gpu_need import GpuNeed, collect_need_evidence
from infra.doctor.finding import Remedy, Severity, Verdict, ok
from infra.doctor.remedies.gpu_memory import offer_smaller_training
from infra.doctor.remedies.training import offer_cpu_training
from infra.doctor.subjects import HostSubject
from infra.host.facts import Gpu, MigDevice
from qca.core.units import format_size


def judge_slices(subject: HostSubject, gpu: Gpu, need: GpuNeed) -> Verdict:
    """Return QCA402's verdict on a GPU in MIG mode."""
    evidence = {
        **collect_need_evidence(subject.plan.trainer),
        "slices": [asdict(device) for device in gpu.mig_devices],
    }
    if not gpu.mig_devices:
        return _report_no_slice(subject, gpu, evidence)
    fitting = [device for device in gpu.mig_devices if device.memory_free >= need.bytes]
    if not fitting:
        return _report_too_large(subject, gpu, need, evidence)
    if len(fitting) < len(gpu.mig_devices):
        return _report_some_too_small(subject, gpu, need, evidence)
    smallest = min(device.memory_free for device in gpu.mig_devices)
    return ok(
        f"Training fits: it needs {format_size(need.bytes)}, and every slice of {gpu.name} has at "
        f"least {format_size(smallest)} free.\n{need.parts}. The slices: {_list_slices(gpu)}.",
        **evidence,
    )


def _report_no_slice(subject: HostSubject, gpu: Gpu, evidence: dict[str, object]) -> Verdict:
    message = (
        f"{gpu.name} is in MIG mode without slices, so no program can use it.\nCreate slices, or "
        "leave the mode."
    )
    leave = Remedy(
        "Leave MIG mode",
        (f"sudo nvidia-smi -i {gpu.index} -mig 0",),
        breaks="the GPU must not be in use; some systems need a reboot",
    )
    return Verdict(Severity.ERROR, message, evidence, (leave, *offer_cpu_training(subject)))


def _report_too_large(
    subject: HostSubject, gpu: Gpu, need: GpuNeed, evidence: dict[str, object]
) -> Verdict:
    message = (
        f"Training needs {format_size(need.bytes)}; the largest slice of {gpu.name} has "
        f"{format_size(_find_roomiest(gpu).memory_free)} free.\n{need.parts}. The slices: "
        f"{_list_slices(gpu)}."
    )
    return Verdict(Severity.ERROR, message, evidence, offer_smaller_training(subject))


def _report_some_too_small(
    subject: HostSubject, gpu: Gpu, need: GpuNeed, evidence: dict[str, object]
) -> Verdict:
    message = (
        f"Training needs {format_size(need.bytes)}, but not every slice of {gpu.name} has that "
        f"much free.\n{need.parts}. The slices: {_list_slices(gpu)}. By default, training gets the "
        "first one."
    )
    roomiest = _find_roomiest(gpu)
    choose = Remedy(
        f"Use {roomiest.name} in a run without containers",
        (f"CUDA_VISIBLE_DEVICES={roomiest.uuid} qca up --runtime local",),
    )
    remedies = (choose, *offer_smaller_training(subject))
    return Verdict(Severity.WARNING, message, evidence, remedies)


def _find_roomiest(gpu: Gpu) -> MigDevice:
    return max(gpu.mig_devices, key=lambda device: device.memory_free)


def _list_slices(gpu: Gpu) -> str:
    alike = Counter(map(_describe_slice, gpu.mig_devices))
    return ", ".join(f"{count} x {text}" if count > 1 else text for text, count in alike.items())


def _describe_slice(device: MigDevice) -> str:
    free, total = format_size(device.memory_free), format_size(device.memory_total)
    return f"{device.name} ({free} free of {total})"
