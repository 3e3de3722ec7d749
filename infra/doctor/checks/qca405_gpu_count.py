"""QCA405: does this host have the number of GPUs that the configuration asks for?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.training import SMALLER_BATCH, offer_cpu_training
from infra.doctor.subjects import HostSubject
from infra.host.container_gpu import select_training_gpus
from infra.host.facts import Engine, GpuDriver, NoGpuDriver, known_or_none, require


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    wanted = subject.config.stack.gpus
    # QCA401 checks whether there is a GPU at all.
    if wanted != "all" and wanted > 1 and subject.config.train.device != "cpu":
        yield _judge_count(subject, wanted)


def _judge_count(subject: HostSubject, wanted: int) -> Verdict:
    driver = require(subject.facts.gpu)
    doubt = _explain_doubt(subject, driver)
    if doubt:
        return skip(f"Cannot determine whether there are {wanted} GPUs: {doubt}.")
    usable = _count_usable(subject, driver)
    if usable < wanted:
        return _report_too_few(subject, driver, wanted, usable)
    message = f"The configuration asks for {wanted} GPUs, and training can use {usable}."
    return ok(message, gpus_wanted=wanted, gpus_usable=usable)


def _count_usable(subject: HostSubject, driver: GpuDriver | NoGpuDriver) -> int:
    if isinstance(driver, NoGpuDriver):
        return 0
    return len(select_training_gpus(driver, subject.plan.runtime.value, "all"))


def _explain_doubt(subject: HostSubject, driver: GpuDriver | NoGpuDriver) -> str:
    """Return why training may get different GPUs from those visible here, or an empty string."""
    if not subject.is_local_run:
        engine = known_or_none(subject.facts.docker)
        if not isinstance(engine, Engine):
            return "no engine answered"
        if engine.is_elsewhere:
            return f"the engine at {engine.host} runs on another machine or in a virtual machine"
    if isinstance(driver, GpuDriver) and any(gpu.mig for gpu in driver.gpus):
        return "in MIG mode a program can only use one slice"
    return ""


def _report_too_few(
    subject: HostSubject, driver: GpuDriver | NoGpuDriver, wanted: int, usable: int
) -> Verdict:
    message = f"The configuration asks for {wanted} GPUs, but training can only use {usable} here."
    evidence = {"gpus_wanted": wanted, "gpus_usable": usable}
    if isinstance(driver, NoGpuDriver):
        return Verdict(
            Severity.ERROR, f"{message}\n{driver.detail}", evidence, offer_cpu_training(subject)
        )
    remedies = (_USE_ALL,) if usable else offer_cpu_training(subject)
    if subject.is_local_run and usable < len(driver.gpus):
        message += (
            f"\nThe driver shows {len(driver.gpus)}; CUDA_VISIBLE_DEVICES="
            f"{driver.visible_devices or ''} exposes {usable} of them."
        )
        remedies = (_SHOW_ALL, *remedies) if len(driver.gpus) >= wanted else remedies
    return Verdict(Severity.ERROR, message, evidence, remedies)


_USE_ALL = Remedy(
    "Train with the available GPUs",
    ("QCA_STACK_GPUS=all qca up",),
    breaks=SMALLER_BATCH,
)
_SHOW_ALL = Remedy(
    "Make all GPUs visible to training (for this shell only)", ("unset CUDA_VISIBLE_DEVICES",)
)

CHECK = Check(
    id="QCA405",
    category="gpu",
    title="Fewer GPUs than training asks for",
    needs=("gpu",),
    looks_at="the GPUs that the driver shows (without Docker, those that CUDA_VISIBLE_DEVICES "
    "allows), compared with `gpus` in the configuration.",
    why="Training runs one process per GPU. With too few GPUs the engine refuses the "
    "container, or torch fails in the process without a GPU, but only after the image is built. "
    "The "
    "doctor cannot determine how many GPUs a training run gets in MIG mode or from an engine on "
    "another machine.",
    fix="Configure fewer GPUs, or `all`. The combined batch, `gpus` times `batch_size`, is then "
    "smaller.",
    url="https://docs.docker.com/compose/how-tos/gpu-support/",
    judge_host=_judge_host,
)
