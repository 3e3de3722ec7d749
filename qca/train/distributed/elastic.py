"""Start several processes that train one model, with torch's elastic launcher.

The launcher (used by `torchrun`) connects the processes, and restarts all of them from the last
checkpoint if one is lost. Here it runs in a thread, and the main thread handles signals (see
`qca.cli.signals`): on SIGTERM the launcher itself would print a traceback and allow an episode only
30 seconds.
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
from qca.train.request import TrainRequest, format_process_command

MAX_RESTARTS = 3

# Interval at which the launcher polls its processes, and at which the main thread polls the
# launcher.
_POLL_SECONDS = 0.2


def run_processes(request: TrainRequest, stop: threading.Event) -> None:
    """Run `qca train` in each process; return when all have exited normally.

    Once `stop` is set, each gets SIGTERM, writes a checkpoint and exits.

    Raises:
        LaunchError: there are too few GPUs, the processes could not connect, or a process still
            failed after the last restart.

    """
    if request.config.device == "cuda":
        require_gpus(request.processes)
    _share_cores(request.processes)
    # The launcher warns that it receives no signals in a thread, which is intended here.
    logging.getLogger("torch.distributed.elastic.multiprocessing.api").setLevel(logging.ERROR)
    # After a restart the launcher's own store would still contain the addresses of the previous
    # processes (https://github.com/pytorch/pytorch/issues/135712, still open in torch 2.13).
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    ended: list[BaseException | None] = []

    def run() -> None:
        _block_sigterm()
        try:
            _launch(request)
        except BaseException as error:  # re-raised below, in the caller's thread
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
        run_id=request.config.run,  # the same on all machines, and unique to this training run
        rdzv_backend="c10d",
        rdzv_endpoint=request.rdzv_endpoint or "localhost:0",  # any free port
        max_restarts=MAX_RESTARTS,
        monitor_interval=_POLL_SECONDS,
    )
    # With -P, a module in the user's folder cannot shadow one of ours.
    arguments = ("-P", "-m", "qca", *format_process_command(request))
    elastic_launch(config, sys.executable)(*arguments)


def _block_sigterm() -> None:
    """Start this thread's child processes with SIGTERM blocked.

    SIGTERM then waits until they have a handler. Its default action would end them with an exit
    code that makes the launcher restart them.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _share_cores(processes: int) -> None:
    """Divide the cores among the processes; otherwise each process would use all of them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (cores or 1) // processes)))


def _send_sigterm(signaled: set[int]) -> set[int]:
    """Send SIGTERM to each child process that is not in `signaled`; return their IDs."""
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
            f"training process {rank} failed with {how}, after {MAX_RESTARTS} restarts",
            hint="Its own message is above. Run the same command with --resume to resume from the "
            "last checkpoint.",
        )
    return LaunchError(
        f"the training processes could not connect: {str(error) or type(error).__name__}",
        hint="Start the same command on every machine, with an --rdzv-endpoint HOST:PORT that "
        "all of them can reach.",
    )
