"""Find how much of the machine's memory the unfinished runs of this folder use."""

from infra.stack.launched_runs import Launched, list_launched
from infra.stack.state_lock import is_held
from infra.stack.trainer_memory import CUDA_RESIDENT, RunningRun
from qca.cli.messages import say
from qca.cli.options import RUNS
from qca.runs.progress import parse_newest_records, read_last_lines
from qca.runs.run_folder import RunFolder


def list_running_runs(planned: str) -> list[RunningRun]:
    """Return the other runs that are training on this machine, each with its memory.

    Omits a run on another machine's engine, which uses none of this machine's memory, and a run
    that an older version launched without recording its plan. Also omits a run with a damaged
    record, after a message about it.
    """
    launched = list_launched()
    for run, error in launched.damaged.items():
        if run != planned:
            say(f"Cannot determine the memory of run {run}: {error}.")
    others = [launched_run for run, launched_run in launched.readable.items() if run != planned]
    found = [_describe_memory(launched) for launched in others if _is_training(launched)]
    return [run for run in found if run is not None]


def may_be_training(launched: Launched) -> bool:
    """Return whether a launched run is training; True if that is unknown."""
    return launched.launch.volume is not None or _is_training(launched)


def _is_training(launched: Launched) -> bool:
    if launched.launch.volume is not None:
        return False
    return _open_run(launched).is_held() or is_held(launched.state)


def _describe_memory(launched: Launched) -> RunningRun | None:
    launch = launched.launch
    peak, context = launch.predicted_peak_bytes, launch.context_bytes
    if launch.device is None or peak is None or context is None:
        return None
    used, host = _measure_use(launched, launch.device, context), launch.host_bytes or 0
    # Once an episode is done, torch and CUDA's libraries are in host memory. The rest stays
    # pending: a checkpoint's bytes, for example, are there only while it is written.
    loaded = int(CUDA_RESIDENT) * len(launch.gpus or (None,)) if used else 0
    return RunningRun(
        run=launch.run,
        device=launch.device,
        planned_bytes=peak + context,
        pending_bytes=max(0, peak + context - used),
        gpus=launch.gpus,
        host_bytes=host,
        host_pending_bytes=max(0, host - loaded),
    )


def _measure_use(launched: Launched, device: str, context: int) -> int:
    """Return the bytes that the run is known to hold now; 0 until its first episode is done."""
    metrics = _open_run(launched).metrics
    try:
        if metrics.stat().st_mtime < launched.state.launch_file.stat().st_mtime:
            return 0  # the records are from an earlier launch
        records = parse_newest_records(read_last_lines(metrics))
    except OSError:
        return 0
    if not records:
        return 0
    # CUDA's allocator keeps the memory it has reserved; on a CPU, an episode frees its tensors.
    return context + (records[-1].reserved_bytes or 0 if device == "cuda" else 0)


def _open_run(launched: Launched) -> RunFolder:
    return RunFolder(RUNS / launched.launch.run)
