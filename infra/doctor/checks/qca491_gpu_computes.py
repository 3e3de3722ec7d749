"""QCA491: can a container compute on the GPU? Tested by `qca doctor --deep`."""

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok
from infra.doctor.remedies.gpu_failure import FAILURE_REMEDIES, classify_failure
from infra.doctor.remedies.training import offer_cpu_training
from infra.doctor.subjects import HostSubject
from infra.host.facts import GpuRun, GpuStep, require

_STEPS: dict[GpuStep, str] = {
    "start": "The engine cannot start a container with a GPU.",
    "library": "A container gets a GPU, but not the driver's library.",
    "init": "CUDA cannot be initialized in a container.",
    "device": "CUDA does not find a GPU in a container.",
    "context": "CUDA cannot open the GPU in a container.",
    "memory": "The GPU's memory cannot be used in a container.",
    "kernel": "The GPU cannot run the code of the container's program.",
    "result": "The GPU computes wrong results.",
    "program": "The container that should compute on the GPU did not respond.",
}


def _judge_host(subject: HostSubject) -> Verdict:
    run = require(subject.facts.live_gpu)
    evidence: dict[str, object] = {
        "image": run.image,
        "failed_at": run.failed_at,
        "code": run.code,
        "device": run.device,
        "seconds": run.seconds,
    }
    if run.failed_at is None:
        message = f"A container can compute on {run.device} with {run.computed_by} ({run.image})."
        return ok(message, **evidence)
    message = f"{_STEPS[run.failed_at]}\n{run.detail}\nTested in {run.image}{_name_device(run)}."
    return _report(subject, message, evidence, FAILURE_REMEDIES[classify_failure(run)])


def _name_device(run: GpuRun) -> str:
    return f" on {run.device}" if run.device else ""


def _report(
    subject: HostSubject, message: str, evidence: dict[str, object], remedies: tuple[Remedy, ...]
) -> Verdict:
    """Return an error if training needs the GPU, otherwise a warning."""
    if subject.plan.trainer.device.value != "cuda" or subject.is_local_run:
        return Verdict(Severity.WARNING, message, evidence, remedies)
    return Verdict(Severity.ERROR, message, evidence, (*remedies, *offer_cpu_training(subject)))


CHECK = Check(
    id="QCA491",
    category="gpu",
    title="A container cannot compute on the GPU",
    needs=("live_gpu",),
    looks_at="with `--deep`: a container that gets the trainer's GPUs calls cuInit, allocates "
    "memory and multiplies on each GPU, first with only the driver, and then with torch if the "
    "image has it. The image is the trainer image if it exists, otherwise its base image.",
    why="`nvidia-smi` may work in a container in which cuInit fails "
    "(NVIDIA/nvidia-container-toolkit issue 1743): it loads another library and opens other "
    "devices. The step that fails and its CUDA error code show which layer is at fault: "
    "the toolkit, the kernel modules, the fabric manager, other programs on the GPU, or a torch "
    "that was built for other GPUs.",
    fix="Fix the layer that the message names. Common causes are that the module `nvidia_uvm` is "
    "not loaded, or that the CDI file is from an earlier driver.",
    url="https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html",
    judge_host=_judge_host,
)
