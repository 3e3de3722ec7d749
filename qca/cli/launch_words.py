"""Announce and record a launch of `qca up`: its numbers, its run folder, and how to resume it."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from infra.stack.alternatives import Alternative
from infra.stack.decision import GIVEN, KEPT
from infra.stack.launch_record import Launch
from infra.stack.plan import StackPlan
from infra.stack.trainer_memory import CONTAINER_HEADROOM
from qca.cli.alternatives import describe_faster_precision
from qca.cli.next_steps import describe_complete_run
from qca.cli.options import RUNS
from qca.cli.progress import ProgressView
from qca.cli.signals import Terminated
from qca.core.units import format_count
from qca.core.visible import escape_invisible
from qca.runs.checkpoint_files import list_checkpoints
from qca.runs.run_folder import RunFolder


def announce(plan: StackPlan, alternatives: Sequence[Alternative], view: ProgressView) -> None:
    """Print the decisions of the launch with their reasons."""
    if plan.runtime.value == "local":
        because = f"Without Docker: {plan.runtime.because}."
        view.note(f"{because} The store is an embedded Valkey server.")
    else:
        view.note(f"With Docker: {plan.runtime.because}.")
    profile = plan.trainer.profile
    if profile.value == "cpu" and profile.because not in (GIVEN, KEPT):
        view.note(
            "This is the small CPU profile; `qca up --profile default --run full` trains the full "
            "model."
        )
    hint = describe_faster_precision(alternatives)
    if hint and not list_checkpoints(RunFolder(RUNS / plan.train.run).checkpoints):
        view.note(hint)


def describe_launch(plan: StackPlan) -> Launch:
    """Return the record of a launch, which later commands read."""
    trains_on_gpu = plan.trainer.device.value == "cuda"
    gpus = plan.trainer.host_gpus if trains_on_gpu else ()
    host_bytes = int(plan.trainer.container_memory_bytes.value / CONTAINER_HEADROOM)
    return Launch(
        runtime=plan.runtime.value,
        project=plan.project,
        run=plan.train.run,
        runs=escape_invisible(str(RUNS.resolve())),  # JSON cannot hold bytes that are not UTF-8
        episodes=plan.train.episodes,
        device=plan.trainer.device.value,
        predicted_peak_bytes=plan.trainer.predicted_peak_bytes.value,
        context_bytes=plan.trainer.context_bytes.value,
        budget_bytes=plan.trainer_limit_bytes,
        gpus=tuple(gpu.uuid for gpu in gpus) or None,
        host_bytes=host_bytes if trains_on_gpu else None,
    )


def describe_detached(run: str) -> str:
    """Return a message that says how to reattach to a run in the background."""
    return f"Training continues. `qca attach {run}` follows it, `qca down {run}` stops it."


def describe_store(run: str) -> str:
    """Return a message that says how to stop the store of a run that has finished."""
    return f"The store is still running; `qca down {run}` removes the stack and keeps the run."


def describe_run_place(run: str, volume: str | None) -> str:
    """Return the location of a finished run, with the next commands to run."""
    if volume is not None:
        return f"The run is in the engine's volume {volume}; `qca fetch {run}` copies it here."
    return describe_complete_run(RUNS / run)


def describe_removal(error: BaseException, run: str) -> str:
    """Return what happens to the containers after an interruption or a failure."""
    if not isinstance(error, KeyboardInterrupt | Terminated):
        return "Removing the stack's containers."
    return (
        "Taking the stack down; the trainer writes a checkpoint first. "
        f"Ctrl-C again leaves that to `qca down {run}`."
    )


@contextmanager
def describe_interruption(
    plan: StackPlan, volume: str | None, view: ProgressView
) -> Generator[None]:
    """If the block is interrupted, print the run's folder, its progress and how to resume it."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        view.end_bar()
        if found := _describe_saved(plan, volume):
            view.note(f"{found} The same command resumes from there.")
        raise


def _describe_saved(plan: StackPlan, volume: str | None) -> str | None:
    run = plan.train.run
    if volume is not None:
        return describe_run_place(run, volume)
    folder = RunFolder(RUNS / run)
    saved = list_checkpoints(folder.checkpoints)
    if not saved:
        return None
    of_all = f"{saved[-1][0]:,} of {format_count(plan.train.episodes, 'episode')}"
    return f"Saved in {folder.path}: {of_all}."
