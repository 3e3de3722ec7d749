"""List the runs that are kept on another engine, for `qca runs`."""

from collections.abc import Sequence
from dataclasses import replace

from infra.stack.launch_record import Launch
from infra.stack.launched_runs import Launched, LaunchedRuns
from qca.cli.status_reading import Status, read_status
from qca.core.errors import LaunchError
from qca.runs.listing import RunSummary


def list_in_volumes(launched: LaunchedRuns) -> list[RunSummary]:
    """Return the runs that were launched from here and are kept in a volume of their engine."""
    found = [run for run in launched.readable.values() if run.launch.volume is not None]
    return [_summarize(run) for run in found]


def list_taken_down(launched: LaunchedRuns, kept: Sequence[Launch]) -> list[RunSummary]:
    """Return the runs in volumes whose stacks were taken down and that were not launched again."""
    current = [(run.launch.run, run.launch.volume) for run in launched.readable.values()]
    return [
        _summarize_kept(launch) for launch in kept if (launch.run, launch.volume) not in current
    ]


def _summarize_kept(launch: Launch) -> RunSummary:
    from infra.stack.engine_files import has_volume

    recorded = _summarize_record(launch)
    try:
        exists = has_volume(launch.volume or "")
    except LaunchError:  # the engine does not answer
        return recorded
    return recorded if exists else replace(recorded, state="not on this engine")


def _summarize_record(launch: Launch) -> RunSummary:
    return RunSummary(
        name=launch.run,
        state="in a volume",
        episodes=launch.episodes,
        device=launch.device,
        where=f"volume {launch.volume}",
    )


def _summarize(launched: Launched) -> RunSummary:
    recorded = _summarize_record(launched.launch)
    try:
        status = read_status(launched.state)
    except LaunchError:  # the engine does not answer
        return recorded
    return recorded if status is None else _add_progress(recorded, launched, status)


def _add_progress(recorded: RunSummary, launched: Launched, status: Status) -> RunSummary:
    from infra.stack.engine_files import measure_run

    state = "complete" if status.is_complete else "running" if status.running else "stopped"
    newest = None if status.progress is None else status.progress.newest
    try:
        size = measure_run(launched.launch.project, launched.launch.run)
    except LaunchError:
        size = None
    return replace(
        recorded,
        state=state,
        episode=newest and newest.episode,
        loss=newest and newest.loss,
        size_bytes=size,
    )
