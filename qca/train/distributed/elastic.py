"""Several processes that train one model, started and watched by torch's elastic launcher.

The launcher (what `torchrun` runs) lets them meet, and starts all of them again from the last
checkpoint when one is lost. Here it runs in a thread, so that signals come to us (see
`qca.cli.signals`): the launcher itself would end with a traceback at SIGTERM, and give an
episode 30 seconds.
"""

import logging
import os
import signal
import sys
import threading

import psutil
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from qca.core.errors import LaunchError
from qca.train.device import require_gpus
from qca.train.request import TrainRequest, format_process_flags

MAX_RESTARTS = 3

# How often the launcher looks after its processes, and we after its thread.
_POLL_SECONDS = 0.2


def run_processes(request: TrainRequest, stop: threading.Event) -> None:
    """Run `qca train` in each process; return when all have ended in order.

    Once `stop` is set, each gets SIGTERM, on which it ends with a checkpoint.

    Raises:
        LaunchError: there are too few GPUs, they could not meet, or one process failed and so
            did all after it.

    """
    if request.config.device == "cuda":
        require_gpus(request.processes)
    _share_cores(request.processes)
    # It warns that in a thread it hears no signals, which is why it runs in one.
    logging.getLogger("torch.distributed.elastic.multiprocessing.api").setLevel(logging.ERROR)
    # The launcher's own store would still hold where the processes before a new start listened
    # (https://github.com/pytorch/pytorch/issues/135712; so it is with torch 2.13).
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    ended: list[BaseException | None] = []

    def run() -> None:
        _block_sigterm()
        try:
            _launch(request)
        except BaseException as error:  # raised below, in the caller's thread
            ended.append(error)
        else:
            ended.append(None)

    launcher = threading.Thread(target=run, name="launcher", daemon=True)
    launcher.start()
    signaled: set[int] = set()
    while launcher.is_alive():
        launcher.join(_POLL_SECONDS)
        if stop.is_set():
            signaled |= _send_sigterm(signaled)
    if ended[0] is not None:
        raise _launch_error(ended[0]) from None


def _launch(request: TrainRequest) -> None:
    config = LaunchConfig(
        min_nodes=request.nnodes,
        max_nodes=request.nnodes,
        nproc_per_node=request.processes,
        run_id=request.config.run,  # the same on all machines, and of no other training there
        rdzv_backend="c10d",
        rdzv_endpoint=request.rdzv_endpoint or "localhost:0",  # any free port
        max_restarts=MAX_RESTARTS,
        monitor_interval=_POLL_SECONDS,
    )
    # With -P, a module in the user's folder is not taken for one of ours.
    train = ("-P", "-m", "qca", "train", *format_process_flags(request))
    elastic_launch(config, sys.executable)(*train)


def _block_sigterm() -> None:
    """Let the processes that this thread starts begin with SIGTERM blocked.

    It waits until they have a handler for it: the default one would end them with a code that
    makes the launcher restart them.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _share_cores(processes: int) -> None:
    """Divide the cores among the processes; torch's threads would each take them all."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (cores or 1) // processes)))


def _send_sigterm(signaled: set[int]) -> set[int]:
    """Send SIGTERM to each process that has not had it; return those that have it now."""
    new = {child.pid for child in psutil.Process().children()} - signaled
    for pid in new:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue
    return new


def _launch_error(error: BaseException) -> LaunchError:
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
