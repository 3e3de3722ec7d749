"""QCA603: does a training on the CPU fit the host's memory?"""

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.training import TRAIN_SMALL_MODEL, change_stack, change_training
from infra.doctor.subjects import HostSubject
from qca.core.units import format_size


def _judge_host(subject: HostSubject) -> Verdict:
    trainer = subject.plan.trainer
    if trainer.device.value != "cpu":
        return ok("The model lives on the GPU: QCA402 judges its memory.")
    budget = trainer.budget_bytes.value
    if budget is None:
        return skip("What the training may use of the host's memory is not known.")
    peak, context = trainer.predicted_peak_bytes.value, trainer.context_bytes.value
    needed = peak + context
    evidence = {"needed_bytes": needed, "budget_bytes": budget}
    if trainer.fits.value is not False:
        return ok(f"The training fits: {format_size(needed)} of {format_size(budget)}.", **evidence)
    message = (
        f"The training needs {format_size(needed)} and may use {format_size(budget)}.\n"
        f"{format_size(peak)} predicted peak (recompute {trainer.recompute.value}), "
        f"{format_size(context)} for Python with torch."
    )
    return Verdict(Severity.ERROR, message, evidence, _list_remedies(subject))


def _list_remedies(subject: HostSubject) -> tuple[Remedy, ...]:
    """Return what frees memory, and what takes less of it as far as that fits."""
    remedies = [Remedy("See who uses the memory", ("ps -eo pid,rss,comm --sort=-rss | head",))]
    if _fits(change_training(subject, profile="cpu")):
        remedies.insert(0, TRAIN_SMALL_MODEL)
    if not subject.is_local_run and _fits(change_stack(subject, runtime="local")):
        remedies.append(Remedy("Do without Dragonfly's share", ("qca up --runtime local",)))
    return tuple(remedies)


def _fits(subject: HostSubject) -> bool:
    return subject.plan.trainer.fits.value is not False


CHECK = Check(
    id="QCA603",
    category="host",
    title="The training does not fit the host's memory",
    needs=("memory",),
    looks_at="the predicted peak of a training on the CPU and the interpreter beside it, "
    "against the memory that is available less the store's.",
    why="The kernel would kill the trainer in the middle of the run.",
    fix="Train a smaller model (`qca estimate --solve batch`), or free memory.",
    url="https://docs.docker.com/engine/containers/resource_constraints/#memory",
    judge_host=_judge_host,
)
