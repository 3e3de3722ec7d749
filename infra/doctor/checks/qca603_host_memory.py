"""QCA603: does a training run on the CPU fit in the host's memory?"""

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.training import TRAIN_SMALL_MODEL, change_stack, change_training
from infra.doctor.subjects import HostSubject
from qca.core.units import format_count, format_exact_size, format_size


def _judge_host(subject: HostSubject) -> Verdict:
    trainer = subject.plan.trainer
    if trainer.device.value != "cpu":
        return ok("Training uses the GPU, whose memory QCA402 checks.")
    budget = trainer.budget_bytes.value
    if budget is None:
        return skip("Cannot determine how much of the host's memory the training run may use.")
    peak, context = trainer.predicted_peak_bytes.value, trainer.context_bytes.value
    needed = trainer.needed_bytes
    evidence = {"needed_bytes": needed, "budget_bytes": budget}
    if trainer.fits.value is not False:
        return ok(
            f"Training fits: it needs {format_size(needed)} and may use {format_size(budget)}.",
            **evidence,
        )
    prediction = (
        f"The predicted peak is {format_size(peak)} (recompute strategy "
        f"`{trainer.recompute.value}`); Python, torch and copies made by its kernels take "
        f"{format_size(context)}."
    )
    message = f"Training needs {format_size(needed)}, but may only use {format_size(budget)}.\n"
    if _is_store_too_large(subject):
        return _report_store(subject, message, evidence)
    return Verdict(Severity.ERROR, message + prediction, evidence, _list_remedies(subject))


def _is_store_too_large(subject: HostSubject) -> bool:
    """Return whether training would fit beside a store of the size that the plan chooses."""
    return subject.plan.store_bytes > 0 and _fits(_plan_default_store(subject))


def _plan_default_store(subject: HostSubject) -> HostSubject:
    return change_stack(subject, maxmemory=None, proactor_threads=None)


def _report_store(subject: HostSubject, message: str, evidence: dict[str, int]) -> Verdict:
    store, default = subject.plan.dragonfly, _plan_default_store(subject).plan.dragonfly
    maxmemory, threads = store.maxmemory_bytes.value, store.proactor_threads.value
    cause = (
        f"The store takes the rest: its maxmemory of {format_size(maxmemory)} for "
        f"{format_count(threads, 'thread')} needs a container of "
        f"{format_size(store.container_memory_bytes.value)}."
    )
    command = (
        f"qca up --proactor-threads {default.proactor_threads.value} "
        f"--maxmemory {format_exact_size(default.maxmemory_bytes.value)}"
    )
    remedy = Remedy("Give the store the size that the plan would choose", (command,))
    evidence = {**evidence, "store_bytes": subject.plan.store_bytes}
    return Verdict(Severity.ERROR, message + cause, evidence, (remedy,))


def _list_remedies(subject: HostSubject) -> tuple[Remedy, ...]:
    """Return remedies that free memory, and those that train with less memory if that would fit."""
    remedies = [
        Remedy(
            "Show the processes that use the most memory",
            ("ps -eo pid,rss,comm --sort=-rss | head",),
        )
    ]
    if _fits(change_training(subject, profile="cpu")):
        remedies.insert(0, TRAIN_SMALL_MODEL)
    if not subject.is_local_run and _fits(change_stack(subject, runtime="local")):
        remedies.append(
            Remedy(
                "Train without Dragonfly, to use its share of the memory",
                ("qca up --runtime local",),
            )
        )
    return tuple(remedies)


def _fits(subject: HostSubject) -> bool:
    return subject.plan.trainer.fits.value is not False


CHECK = Check(
    id="QCA603",
    category="host",
    title="Training does not fit in the host's memory",
    needs=("memory",),
    looks_at="the predicted peak of a training run on the CPU plus the interpreter, compared with "
    "the "
    "available memory minus the store's.",
    why="The kernel would kill the trainer in the middle of the run.",
    fix="Train a smaller model (`qca estimate --solve batch`), or free memory.",
    url="https://docs.docker.com/engine/containers/resource_constraints/#memory",
    judge_host=_judge_host,
)
