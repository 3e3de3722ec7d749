"""`qca train`: the trainer itself, here in this process."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from qca.core.train_flags import format_train_flags
from qca.cli.options import config_options, read_config
from qca.cli.progress import ProgressView
from qca.cli.signals import stopping
from qca.core.config import Config, TrainConfig, apply_profile
from qca.core.errors import LaunchError
from qca.memory.budget import estimate
from qca.runs import journal, tensorboard
from qca.runs.events import EpisodeRecord, Event, Finished, Started
from qca.runs.run_folder import RunFolder
from qca.store.client import connect
from qca.store.sender import MetricsSender
from qca.train import sample_rollout
from qca.train.distributed.launcher_env import (
    Processes,
    ending_in_order,
    follow_parent,
    is_launched,
    is_restarted,
    leads,
)
from qca.train.distributed.torch_env import prepare_environment

RUNS = Path("runs")


@click.command()
@config_options("train")
@click.option("--resume", is_flag=True, help="Go on with the run, if it has been started.")
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    default=RUNS,
    show_default=True,
    help="Folder of the run folders.",
)
@click.option(
    "--progress",
    type=click.Choice(["auto", "json"]),
    default="auto",
    show_default=True,
    help="A bar or lines on stderr, or one JSON event a line on stdout.",
)
@click.option("--store", "store_url", help="Redis-protocol store that gets a copy of the metrics.")
@click.option(
    "--store-flags",
    type=click.Path(path_type=Path),
    help="Dragonfly's flag file, which holds the store's password.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1, max=1024),
    default=1,
    show_default=True,
    help="Processes of this machine, one for each GPU, each with a batch of its own.",
)
@click.option(
    "--nnodes",
    type=click.IntRange(min=1, max=1024),
    default=1,
    show_default=True,
    help="Machines that train together; start the same on each.",
)
@click.option(
    "--rdzv-endpoint", metavar="HOST:PORT", help="One of these machines, where they meet."
)
@click.option(
    "--init",
    type=click.Path(path_type=Path),
    help="Weights to begin with: safetensors, or saved with torch.save (no code in it is run).",
)
def train(
    config_file: Path | None,
    resume: bool,
    runs: Path,
    progress: str,
    store_url: str | None,
    store_flags: Path | None,
    init: Path | None,
    processes: int,
    nnodes: int,
    rdzv_endpoint: str | None,
    **flags: Any,
) -> None:
    """Train here, in this process: what the container runs.

    The first Ctrl-C writes a checkpoint and ends with 130, a second one ends at once;
    SIGTERM writes a checkpoint and ends with 0.

    With --processes or --nnodes, torch's elastic launcher starts and watches that many
    trainers; where one is lost, all go on from the last checkpoint. Several machines need one
    folder --runs that all of them see.
    """
    if nnodes > 1 and rdzv_endpoint is None:
        raise click.UsageError("--nnodes needs --rdzv-endpoint HOST:PORT, where the machines meet")
    prepare_environment()  # before torch is loaded
    chosen = _resolved(read_config(config_file, flags), processes, nnodes)
    folder = runs / chosen.run
    stop = threading.Event()
    if (processes > 1 or nnodes > 1) and not is_launched():
        together = Processes(processes, nnodes, rdzv_endpoint, name=chosen.run)
        words = _words(chosen, runs, progress, store_url, store_flags, init, resume=resume)
        _launch(chosen, runs, together, words, stop, resume=resume)
        return
    if is_launched():
        follow_parent(stop)
        resume = resume or is_restarted()
    with ending_in_order() if is_launched() else contextlib.nullcontext():
        if leads():
            _lead(chosen, folder, progress, store_url, store_flags, init, stop, resume=resume)
        else:
            _take_part(chosen, folder, stop, resume=resume)


def _take_part(chosen: TrainConfig, folder: Path, stop: threading.Event, *, resume: bool) -> None:
    """Train with the first process, which alone writes and reports."""
    with stopping(stop):
        _trainer()(
            chosen,
            folder,
            resume=resume,
            stop=stop,
            on_event=lambda event: None,
            predicted_peak_bytes=_predicted_peak(chosen),
        )


def _lead(
    chosen: TrainConfig,
    folder: Path,
    progress: str,
    store_url: str | None,
    store_flags: Path | None,
    init: Path | None,
    stop: threading.Event,
    *,
    resume: bool,
) -> None:
    """Train as the first process, or the only one: show, keep and send what happens."""
    with (
        stopping(stop) as interrupted,
        _shown(progress, stop) as (show, warn),
        _sent(chosen, folder, store_url, store_flags, warn) as send,
        tensorboard.listening(folder / tensorboard.FOLDER_NAME, warn=warn) as scalars,
        journal.keeping(RunFolder(folder).events, warn=warn) as note,
        sample_rollout.at_the_end(chosen, folder, stop=stop, warn=warn) as watch_for_the_end,
    ):
        run = _trainer()

        def on_event(event: Event) -> None:
            show(event)
            note(event)
            scalars(event)
            watch_for_the_end(event)
            if isinstance(event, Started | EpisodeRecord | Finished):
                send()

        finish = run(
            chosen,
            folder,
            resume=resume,
            stop=stop,
            on_event=on_event,
            init=init,
            predicted_peak_bytes=_predicted_peak(chosen),
        )
    if interrupted.is_set():
        raise KeyboardInterrupt
    if finish == "stopped" and not stop.is_set():
        # 0 would tell torchrun, and a cluster, that this training is finished.
        raise LaunchError(
            "another process of this training was told to stop; a checkpoint is written",
            hint="Started again with --resume, all of them go on from there.",
        )


def _launch(
    chosen: TrainConfig,
    runs: Path,
    together: Processes,
    words: list[str],
    stop: threading.Event,
    *,
    resume: bool,
) -> None:
    """Let the launcher run `qca train` in each process, until all have ended."""
    RunFolder(runs / chosen.run).check_start(chosen, resume=resume)  # once, not in each
    with stopping(stop) as interrupted:
        _trainer()  # says so if it is not installed
        from qca.train.distributed.elastic import run_processes

        run_processes(words, together, stop, cuda=chosen.device == "cuda")
    if interrupted.is_set():
        raise KeyboardInterrupt


def _words(
    chosen: TrainConfig,
    runs: Path,
    progress: str,
    store_url: str | None,
    store_flags: Path | None,
    init: Path | None,
    *,
    resume: bool,
) -> list[str]:
    """Return the command line of each process; nothing in it is left to `auto`."""
    options = {"store": store_url, "store-flags": store_flags, "init": init}
    return [
        *format_train_flags(chosen),
        f"--runs={runs}",
        f"--progress={progress}",
        *(f"--{name}={value}" for name, value in options.items() if value is not None),
        *(["--resume"] if resume else []),
    ]


def _trainer() -> Callable[..., object]:
    """Return the training loop; torch is loaded here and not before."""
    try:
        from qca.train.loop import train as run
    except ModuleNotFoundError as error:
        raise LaunchError(
            f"the trainer needs {error.name}, which is not installed here",
            hint="pip install 'qca[train]'",
        ) from None
    return run


def _resolved(config: Config, processes: int, nnodes: int) -> TrainConfig:
    """Return the training with nothing left to `auto`; looks at the host only if needed."""
    given = config.train
    autos = (given.profile, given.device, given.recompute, given.precision, given.optimizer_state)
    if "auto" not in autos:
        return apply_profile(given, given.profile)
    from infra.stack.plan import plan_stack, require_fit
    from qca.cli.host_facts import host_facts

    stack = config.stack.override(runtime="local", gpus=processes, nnodes=nnodes)
    plan = plan_stack(host_facts(None), replace(config, stack=stack), cpu_processes=processes)
    require_fit(plan)
    return plan.train


def _predicted_peak(train: TrainConfig) -> int | None:
    if train.device == "auto" or train.recompute == "auto":
        return None  # not reached: both are resolved before a training starts
    return estimate(train, recompute=train.recompute, device=train.device).predicted_peak_bytes


@contextlib.contextmanager
def _shown(
    progress: str, stop: threading.Event
) -> Iterator[tuple[Callable[[Event], None], Callable[[str], None]]]:
    """Yield how events and how warnings are shown."""
    if progress == "auto":
        with ProgressView() as view:
            yield view.show, view.say
        return

    def write(event: Event) -> None:
        try:
            print(event.model_dump_json(), flush=True)
        except BrokenPipeError:
            # Whoever followed is gone, perhaps killed: nobody would stop this training later.
            stop.set()
            sys.stdout = None  # type: ignore[assignment]

    yield write, lambda message: click.echo(f"qca: {message}", err=True)


@contextlib.contextmanager
def _sent(
    config: TrainConfig,
    folder: Path,
    store_url: str | None,
    store_flags: Path | None,
    warn: Callable[[str], None],
) -> Iterator[Callable[[], None]]:
    """Yield what to call when there is a new record for the store."""
    if store_url is None:
        yield lambda: None
        return
    client = connect(store_url, store_flags)
    file = RunFolder(folder).metrics
    with MetricsSender(client, config.run, file, warn=warn) as sender:
        yield sender.notify
