"""Write the comments on the commands of the store and the trainer, for Compose and Kubernetes."""

from collections.abc import Mapping, Sequence

from infra.stack.commented_yaml import Path
from infra.stack.plan import StackPlan
from qca.core.units import format_size


def comment_store(plan: StackPlan, path: Path, command: Sequence[str]) -> dict[Path, str]:
    """Return the comments on the words of the store's command, which is the list at `path`."""
    reasons = {
        "--proactor_threads": plan.dragonfly.proactor_threads.because,
        "--maxmemory": plan.dragonfly.maxmemory_bytes.because,
        "--force_epoll": "fast enough for a metrics store; io_uring needs `ulimits: memlock: -1`, "
        "which rootless and restricted engines refuse, and Docker's default seccomp profile has "
        "blocked it since Engine 25",
        "--dbfilename": "no snapshots: the run folder holds every metric, and an empty store is "
        "refilled from it (an empty name turns them off: Dragonfly pull request 1117)",
        "--version_check": "no daily request to the vendor",
        "--flagfile": "contains --requirepass, which keeps it off command lines and out of "
        "`docker inspect`",
    }
    return _comment_flags(path, command, reasons)


def comment_trainer(plan: StackPlan, path: Path, command: Sequence[str]) -> dict[Path, str]:
    """Return the comments on the trainer's command, which is the list at `path`, and its words."""
    trainer = plan.trainer
    reasons = {
        "--profile": trainer.profile.because,
        "--device": trainer.device.because,
        "--batch-size": trainer.batch_size.because,
        "--precision": trainer.precision.because,
        "--recompute": trainer.recompute.because,
        "--segment": trainer.segment.because,
        "--tapes": trainer.tapes.because,
        "--optimizer-state": trainer.optimizer_state.because,
        "--processes": trainer.gpus.because,
    }
    return {path: _describe_memory(plan), **_comment_flags(path, command, reasons)}


def _describe_memory(plan: StackPlan) -> str:
    trainer = plan.trainer
    peak, context = trainer.predicted_peak_bytes, trainer.context_bytes
    lines = [
        f"Predicted peak {format_size(peak.value)}: {peak.because}.",
        f"Context {format_size(context.value)}: {context.because}.",
    ]
    if (budget := trainer.budget_bytes).value is not None:
        lines.append(f"Budget {format_size(budget.value)}: {budget.because}.")
    return " ".join(lines)


def _comment_flags(
    path: Path, command: Sequence[str], reasons: Mapping[str, str]
) -> dict[Path, str]:
    """Return a comment for each word of `command` that is a flag with a reason."""
    flags = [(index, word.partition("=")[0]) for index, word in enumerate(command)]
    return {(*path, index): reasons[flag] for index, flag in flags if flag in reasons}
