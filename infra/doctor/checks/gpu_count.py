"""Has this host as many GPUs as the training asks for?"""

from infra.doctor.check import Check
from infra.doctor.checks.gpu_memory import ON_THE_CPU, SMALLER_BATCH
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.container_gpu import gpus_of_the_training, is_elsewhere
from infra.host.facts import Engine, GpuDriver, NoGpuDriver, known_or_none, require

_ALL = Remedy(
    "Train with those that there are",
    ("QCA_STACK_GPUS=all qca up",),
    breaks=SMALLER_BATCH,
)
_SHOW = Remedy("Show all GPUs to the training, in this shell", ("unset CUDA_VISIBLE_DEVICES",))


def _count(subject: HostSubject) -> list[Verdict]:
    wanted = subject.config.stack.gpus
    if wanted in (1, "all") or subject.config.train.device == "cpu":
        return []  # of one, QCA401 says whether it is there
    gpu = require(subject.facts.gpu)
    unsure = _why_unsure(subject, gpu)
    if unsure:
        return [skip(f"Whether there are {wanted} GPUs cannot be told: {unsure}.")]
    usable = (
        0
        if isinstance(gpu, NoGpuDriver)
        else len(gpus_of_the_training(gpu, subject.plan.runtime.value, "all"))
    )
    if usable < wanted:
        return [_too_few(subject, gpu, wanted, usable)]
    message = f"{wanted} GPUs are asked for, and {usable} are here."
    return [ok(message, gpus_wanted=wanted, gpus_usable=usable)]


def _why_unsure(subject: HostSubject, gpu: GpuDriver | NoGpuDriver) -> str:
    """Return why the GPUs seen here are not those that the training would get; empty if so."""
    if subject.plan.runtime.value == "compose":
        engine = known_or_none(subject.facts.docker)
        if not isinstance(engine, Engine):
            return "no engine answered that could hand them out"
        if is_elsewhere(engine):
            return f"the engine at {engine.host} runs on another machine, if a virtual one"
    if isinstance(gpu, GpuDriver) and any(one.mig for one in gpu.gpus):
        return "a program gets one slice of a GPU in MIG mode, and no second one"
    return ""


def _too_few(
    subject: HostSubject, gpu: GpuDriver | NoGpuDriver, wanted: int, usable: int
) -> Verdict:
    message = f"{wanted} GPUs are asked for, and the training could use {usable} here."
    evidence = {"gpus_wanted": wanted, "gpus_usable": usable}
    if isinstance(gpu, NoGpuDriver):
        return Verdict(Severity.ERROR, f"{message}\n{gpu.detail}", evidence, (ON_THE_CPU,))
    remedies = (_ALL if usable else ON_THE_CPU,)
    if subject.plan.runtime.value == "local" and usable < len(gpu.gpus):
        message += (
            f"\nThe driver shows {len(gpu.gpus)}; CUDA_VISIBLE_DEVICES="
            f"{gpu.visible_devices or ''} leaves {usable} of them."
        )
        remedies = (_SHOW, *remedies) if len(gpu.gpus) >= wanted else remedies
    return Verdict(Severity.ERROR, message, evidence, remedies)


GPU_COUNT = Check(
    id="QCA405",
    category="gpu",
    title="Fewer GPUs than the training asks for",
    needs=("gpu",),
    looks_at="the GPUs that the driver shows, without Docker those that CUDA_VISIBLE_DEVICES "
    "leaves, against `gpus` in the configuration.",
    why="Each GPU has a process of its own. The engine would refuse the container, or torch the "
    "process that finds no GPU, after the image was built. Of GPUs in MIG mode, and of those of "
    "an engine on another machine, it cannot be told from here how many a training gets.",
    fix="Ask for fewer, or for `all`; the combined batch, `gpus` times `batch_size`, is then "
    "smaller.",
    url="https://docs.docker.com/compose/how-tos/gpu-support/",
    judge_host=_count,
)
