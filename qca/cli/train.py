"""`qca train`: run the trainer in this process."""

import contextlib
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from qca.cli.messages import note
from qca.cli.next_steps import describe_complete_run
from qca.cli.options import RunCommand, config_options, keep_run_settings, read_config, runs_option
from qca.cli.signals import ignore_late_sigterm, set_on_signals, unwind_on_sigterm
from qca.cli.train_listeners import open_listeners
from qca.core.config import Config, TrainConfig, apply_profile
from qca.core.distribution import require_extra
from qca.core.errors import LaunchError
from qca.runs.run_folder import RunFolder
from qca.train.distributed.launcher_env import (
    count_processes,
    is_launched,
    is_leader,
    is_restarted,
    set_when_launcher_exits,
)
from qca.train.distributed.torch_env import prepare_environment
from qca.train.prediction import predict_memory
from qca.train.request import TrainRequest

if TYPE_CHECKING:
    from collections.abc import Callable


@click.command(cls=RunCommand)
@config_options("train")
@click.option("--resume", is_flag=True, help="Resume the run if it exists.")
@runs_option
@click.option(
    "--progress",
    type=click.Choice(["auto", "json"]),
    default="auto",
    show_default=True,
    help="A bar or lines on stderr, or one JSON event per line on stdout.",
)
@click.option(
    "--store", "store_url", help="Redis-compatible store that receives a copy of the metrics."
)
@click.option(
    "--store-flags",
    type=click.Path(path_type=Path),
    help="Dragonfly's flag file with the store's password.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1, max=1024),
    default=1,
    show_default=True,
    help="Processes on this machine, one per GPU, each with its own batch.",
)
@click.option(
    "--nnodes",
    type=click.IntRange(min=1, max=1024),
    default=1,
    show_default=True,
    help="Machines that train together; run the same command on each.",
)
@click.option(
    "--rdzv-endpoint",
    metavar="HOST:PORT",
    help="Address of one of these machines, to which the others connect.",
)
@click.option(
    "--init",
    type=click.Path(path_type=Path),
    help="Initial weights: safetensors, or saved with torch.save (code in the file is never run).",
)
def train(
    config_file: Path | None,
    resume: bool,
    runs: Path,
    progress: Literal["auto", "json"],
    store_url: str | None,
    store_flags: Path | None,
    init: Path | None,
    processes: int,
    nnodes: int,
    rdzv_endpoint: str | None,
    **flags: Any,
) -> None:
    """Train in this process, as the container does.

    The first Ctrl-C writes a checkpoint and exits with 130, a second one exits immediately; SIGTERM
    writes a checkpoint and exits with 0.

    With --processes or --nnodes, torch's elastic launcher starts and monitors that many trainers;
    if one is lost, all resume from the last checkpoint. Several machines need a --runs folder that
    all of them can access.
    """
    if nnodes > 1 and rdzv_endpoint is None:
        raise click.UsageError(
            "--nnodes needs --rdzv-endpoint HOST:PORT, the address of the machine to which the "
            "others connect"
        )
    prepare_environment()  # before torch is loaded
    resume = resume or (is_launched() and is_restarted())
    configured = read_config(config_file, flags)
    if resume:
        configured = keep_run_settings(configured, runs)
    config = _resolve(configured, processes=processes, nnodes=nnodes)
    request = TrainRequest(
        config=config,
        folder=runs / config.run,
        resume=resume,
        init=init,
        progress=progress,
        store_url=store_url,
        store_flags=store_flags,
        processes=processes,
        nnodes=nnodes,
        rdzv_endpoint=rdzv_endpoint,
    )
    stop = threading.Event()
    if request.is_distributed() and not is_launched():
        _launch(request, stop)
    else:
        predicted = predict_memory(config, processes=count_processes())
        _train_here(replace(request, predicted=predicted), stop)


def _train_here(request: TrainRequest, stop: threading.Event) -> None:
    """Train in this process until the run is complete, or `stop` is set."""
    if is_launched():
        set_when_launcher_exits(stop)
    with (
        ignore_late_sigterm() if is_launched() else contextlib.nullcontext(),
        set_on_signals(stop) as interrupted,
        open_listeners(request, stop, leads=is_leader()) as (listeners, warn),
    ):
        finish = _load_session()(request, stop, listeners=listeners, warn=warn)
    if is_leader():
        _check_end(finish, stop, interrupted)
        if finish != "stopped" and request.progress == "auto":
            note(describe_complete_run(request.folder))


def _resolve(config: Config, *, processes: int, nnodes: int) -> TrainConfig:
    """Return the configuration to train with.

    If one of the choices below is `auto`, the values come from a plan for this host. Otherwise the
    host is not probed, and `segment` and `tapes` may remain `auto`.
    """
    train = config.train
    choices = (
        train.profile,
        train.device,
        train.recompute,
        train.precision,
        train.optimizer_state,
    )
    if "auto" not in choices:
        return apply_profile(train, train.profile)
    from infra.stack.plan import require_fit
    from qca.cli.host_facts import plan_here

    stack = config.stack.override(runtime="local", gpus=processes, nnodes=nnodes)
    with unwind_on_sigterm():
        _, plan = plan_here(replace(config, stack=stack), cpu_processes=processes)
    require_fit(plan)
    return plan.train


def _launch(request: TrainRequest, stop: threading.Event) -> None:
    """Let the launcher run `qca train` in each process until all have exited."""
    # Check here once, instead of in each process.
    RunFolder(request.folder).check_start(request.config, resume=request.resume)
    with set_on_signals(stop) as interrupted:
        _load_session()  # reports a missing torch
        from qca.train.distributed.elastic import run_processes

        run_processes(request, stop)
    if interrupted.is_set():
        raise KeyboardInterrupt


def _load_session() -> "Callable[..., str]":
    """Return `run_session`, importing torch only now."""
    with require_extra("train", "the trainer"):
        from qca.train.session import run_session
    return run_session


def _check_end(finish: str, stop: threading.Event, interrupted: threading.Event) -> None:
    """Raise if training stopped because of Ctrl-C or a signal to another process."""
    if interrupted.is_set():
        raise KeyboardInterrupt
    if finish == "stopped" and not stop.is_set():
        # With exit code 0, torchrun or a cluster would consider this training run finished.
        raise LaunchError(
            "another process of this training run was stopped; a checkpoint was written",
            hint="To resume from it, start all of them again with --resume.",
        )
