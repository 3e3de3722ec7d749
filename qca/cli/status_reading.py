"""Read the status of a run from the containers, the logs and the run folder."""

import contextlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.stack.launch_record import Launch, read_launch
from infra.stack.services import STORE, TRAINER, ServiceStatus
from infra.stack.state import StateFolder
from infra.stack.state_lock import is_held
from qca.cli.options import RUNS
from qca.core.errors import LaunchError
from qca.runs.events import EpisodeRecord
from qca.runs.health import find_fault
from qca.runs.progress import (
    Expectation,
    Progress,
    parse_newest_records,
    read_last_lines,
    summarize_progress,
)
from qca.runs.run import read_run
from qca.runs.run_folder import RunFolder, list_run_folders

# States of the container of a trainer that is training, or is about to.
_ALIVE = ("created", "running", "restarting", "paused")


@dataclass(frozen=True)
class Status:
    """The status of a run: its launch from this folder, and its progress."""

    run: str
    launch: Launch | None
    """None if it was not launched from here, or was taken down."""
    title: str
    services: Sequence[ServiceStatus]
    progress: Progress | None
    running: bool
    episodes: int | None
    is_complete: bool
    """Whether the last episode is done; skipped ones count if the journal is available."""

    def build_document(self) -> dict[str, Any]:
        """Return the JSON document."""
        launch, progress = self.launch, self.progress
        return {
            "schema_version": 1,
            "runtime": None if launch is None else launch.runtime,
            "project": None if launch is None else launch.project,
            "run": self.run,
            "services": [asdict(service) for service in self.services],
            "episodes": self.episodes,
            "last_episode": None if progress is None else progress.newest.model_dump(),
            "memory": None if progress is None else asdict(progress.memory),
            "eta_seconds": None if progress is None else progress.eta_seconds,
        }


def read_status(state: StateFolder) -> Status | None:
    """Return the status, or None if nothing was launched or the run was taken down meanwhile."""
    launch = read_launch(state)
    if launch is None:
        return None
    try:
        return (_read_compose if launch.runtime == "compose" else _read_local)(launch, state)
    except LaunchError:
        if read_launch(state) is None:
            return None
        raise


def find_kept(name: str | None) -> Path | None:
    """Return the folder of the named run, or of the only one, launched or not."""
    if name is None:
        folders = list_run_folders(RUNS)
        return folders[0] if len(folders) == 1 else None
    folder = RUNS / name
    is_name = folder.parent == RUNS and name not in ("", ".", "..")
    return folder if is_name and RunFolder(folder).config.is_file() else None


def read_kept(folder: Path) -> Status:
    """Return the status of a run in `runs/` that was not launched, or was taken down.

    Raises:
        InputError: a file of the run is damaged.

    """
    run = read_run(folder, with_states=False)
    expected = Expectation(episodes=run.config.episodes, device=run.device)
    return Status(
        run=folder.name,
        launch=None,
        title=f"run {folder.name}, {run.status}",
        services=[],
        progress=summarize_progress(run.records, expected, running=run.is_held),
        running=run.is_held,
        episodes=run.config.episodes,
        is_complete=run.status == "complete",
    )


def _read_compose(launch: Launch, state: StateFolder) -> Status:
    from infra.stack.container_logs import read_recent_trainer_lines
    from infra.stack.containers import read_service_statuses
    from infra.stack.docker_client import make_project_client

    services = read_service_statuses(launch.project) if state.compose_file.exists() else []
    trainer = next((service.state for service in services if service.name == TRAINER), None)
    if trainer is None:  # `qca up` is building its image, or is being stopped
        return _build_status(launch, services, [], running=is_held(state))
    if launch.volume is None:
        records = _read_records(RunFolder(RUNS / launch.run))
    else:
        stack = make_project_client(launch.project)
        records = parse_newest_records(read_recent_trainer_lines(stack))
        records = records or _read_earlier_records(stack, launch.run)
    return _build_status(launch, services, records, running=trainer in _ALIVE)


def _read_earlier_records(stack: Any, run: str) -> list[EpisodeRecord]:
    """Return the newest records from the run folder, for a trainer that has just started."""
    from infra.stack.compose_document import CONTAINER_RUNS
    from infra.stack.container_logs import copy_from_trainer

    original = RunFolder(Path(CONTAINER_RUNS, run)).metrics
    with tempfile.TemporaryDirectory(prefix="qca-") as folder:
        copy = RunFolder(Path(folder))
        with contextlib.suppress(LaunchError):  # the first episode creates the file
            copy_from_trainer(stack, str(original), copy.metrics)
        return _read_records(copy)


def _read_records(run: RunFolder) -> list[EpisodeRecord]:
    return parse_newest_records(read_last_lines(run.metrics))


def _read_local(launch: Launch, state: StateFolder) -> Status:
    running = is_held(state)
    run = RunFolder(RUNS / launch.run)
    healths = {STORE: None, TRAINER: _read_health(run, state) if running else None}
    services = [
        ServiceStatus(name, "running" if running else "stopped", health, exit_code=None)
        for name, health in healths.items()
    ]
    return _build_status(launch, services, _read_records(run), running=running)


def _read_health(run: RunFolder, state: StateFolder) -> str:
    """Return the trainer's health according to its heartbeat, in Docker's terms."""
    with contextlib.suppress(OSError):
        if run.heartbeat.stat().st_mtime >= state.launch_file.stat().st_mtime:
            return "healthy" if find_fault(run.path, time.time()) is None else "unhealthy"
    return "starting"


def _build_status(
    launch: Launch, services: list[ServiceStatus], records: list[EpisodeRecord], *, running: bool
) -> Status:
    expected = Expectation(
        episodes=launch.episodes,
        device=launch.device,
        predicted_peak_bytes=launch.predicted_peak_bytes,
        context_bytes=launch.context_bytes,
        budget_bytes=launch.budget_bytes,
    )
    last = records[-1].episode if records else 0
    return Status(
        run=launch.run,
        launch=launch,
        title=f"run {launch.run}, runtime {launch.runtime}, project {launch.project}",
        services=services,
        progress=summarize_progress(records, expected, running=running),
        running=running,
        episodes=launch.episodes,
        is_complete=launch.episodes is not None and last >= launch.episodes,
    )
