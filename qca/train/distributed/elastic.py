"""Several processes that train one model, started and watched by torch's elastic launcher.

The launcher (what `torchrun` runs) lets them meet, and starts all of them again from the last
checkpoint when one is lost. Here it runs in a thread, so that signals come to us: the
launcher itself would end with a traceback at SIGTERM, and give an episode 30 seconds.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence

import psutil
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from qca.core.errors import LaunchError
from qca.train.device import require_gpus
from qca.train.distributed.launcher_env import Processes, block_sigterm

MAX_RESTARTS = 3

# How often the launcher looks after its processes, and we after its thread, in seconds.
_LOOK_EVERY = 0.2


def run_processes(
    arguments: Sequence[str], processes: Processes, stop: threading.Event, *, cuda: bool
) -> None:
    """Run `qca train` with `arguments` in each process; return when all have ended in order.

    Once `stop` is set, each is told to end with a checkpoint.

    Raises:
        LaunchError: there are too few GPUs, they could not meet, or one process failed and so
            did all after it.

    """
    if cuda:
        require_gpus(processes.here)
    _share_cores(processes.here)
    # It warns that in a thread it hears no signals, which is why it runs in one.
    logging.getLogger("torch.distributed.elastic.multiprocessing.api").setLevel(logging.ERROR)
    # The launcher's own store would still hold where the processes before a new start listened
    # (https://github.com/pytorch/pytorch/issues/135712; so it is with torch 2.13).
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    ended: list[BaseException | None] = []

    def run() -> None:
        block_sigterm()
        try:
            _launch(arguments, processes)
        except BaseException as error:  # told below, in the caller's thread
            ended.append(error)
        else:
            ended.append(None)

    launcher = threading.Thread(target=run, name="launcher", daemon=True)
    launcher.start()
    told: set[int] = set()
    while launcher.is_alive():
        launcher.join(_LOOK_EVERY)
        if stop.is_set():
            told |= _tell_to_end(told)
    if ended[0] is not None:
        raise _failed(ended[0]) from None


def _launch(arguments: Sequence[str], processes: Processes) -> None:
    config = LaunchConfig(
        min_nodes=processes.nnodes,
        max_nodes=processes.nnodes,
        nproc_per_node=processes.here,
        run_id=processes.name,
        rdzv_backend="c10d",
        rdzv_endpoint=processes.rdzv_endpoint or "localhost:0",  # any free port
        max_restarts=MAX_RESTARTS,
        monitor_interval=_LOOK_EVERY,
    )
    elastic_launch(config, sys.executable)("-m", "qca", "train", *arguments)


def _share_cores(processes: int) -> None:
    """Divide the cores among the processes; torch's threads would each take them all."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (cores or 1) // processes)))


def _tell_to_end(told: set[int]) -> set[int]:
    """Send SIGTERM to each process that has not had it; return those that have it now."""
    new = {child.pid for child in psutil.Process().children()} - told
    for pid in new:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue
    return new


def _failed(error: BaseException) -> LaunchError:
    if isinstance(error, ChildFailedError):
        rank, failure = error.get_first_failure()
        how = f"exit code {failure.exitcode}"
        if failure.exitcode < 0:
            how = signal.Signals(-failure.exitcode).name
        return LaunchError(
            f"process {rank} of the training ended with {how}, after {MAX_RESTARTS} new starts",
            hint="Its own message stands above. Nothing of whole episodes with a checkpoint is "
            "lost: the same command with --resume goes on.",
        )
    return LaunchError(
        f"the processes of the training could not meet: {str(error) or type(error).__name__}",
        hint="Start the same command on every machine, with one --rdzv-endpoint HOST:PORT that "
        "all of them reach.",
    )
