"""What is said above the commands of store and trainer, whoever runs the containers."""

from collections.abc import Sequence

from infra.stack.commented_yaml import Path, item
from infra.stack.plan import StackPlan
from qca.core.units import format_size


def store_comments(plan: StackPlan, path: Path, command: Sequence[str]) -> dict[Path, str]:
    """Return what to say above which word of the store's command, the list at `path`."""
    because = {reason.for_: reason.because for reason in plan.reasons}
    said = {
        "--proactor_threads": because["dragonfly.proactor_threads"],
        "--maxmemory": because["dragonfly.maxmemory_bytes"],
        "--force_epoll": "fast enough for a metrics store; io_uring needs `ulimits: memlock: -1`, "
        "which rootless and restricted engines refuse, and Docker's own seccomp profile blocks "
        "it since Engine 25",
        "--dbfilename": "no snapshots: the run folder holds every metric, and an empty store is "
        "filled again (empty turns them off: Dragonfly pull request 1117)",
        "--version_check": "no daily call home",
        "--flagfile": "holds --requirepass, which no command line and no look at the container "
        "then shows",
    }
    return {item(path, command, flag): text for flag, text in said.items()}


def trainer_comment(plan: StackPlan) -> str:
    """Return why the training is run as it is, and what memory it is predicted to take."""
    because = {reason.for_: reason.because for reason in plan.reasons}
    peak, context = plan.trainer.predicted_peak_bytes, plan.trainer.context_bytes
    return (
        f"device: {because['trainer.device']}. "
        f"Profile {plan.trainer.profile}: {because['trainer.profile']}. "
        f"Recompute: {because['trainer.recompute']}. "
        f"Predicted peak {format_size(peak)}, beside {format_size(context)} of context."
    )
