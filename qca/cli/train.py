"""`qca train`: the trainer itself, here in this process."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import click

from qca.cli.options import config_options, read_config
from qca.cli.progress import ProgressView
from qca.config import Config, TrainConfig, apply_profile
from qca.errors import LaunchError
from qca.memory.budget import estimate
from qca.store.client import MetricsSender, connect
from qca.train import journal, tensorboard
from qca.train.environment import prepare_environment
from qca.train.metrics import EpisodeRecord, Event, Started

RUNS = Path("runs")

_STOPPING = b"\nStopping after this step, with a checkpoint; Ctrl-C again stops at once.\n"


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
    **flags: Any,
) -> None:
    """Train here, in this process: what the container runs.

    The first Ctrl-C writes a checkpoint and ends with 130, a second one ends at once;
    SIGTERM writes a checkpoint and ends with 0.
    """
    prepare_environment()  # before torch is loaded
    chosen = _resolved(read_config(config_file, flags))
    stop = threading.Event()
    with (
        _stopping_on_signals(stop) as interrupted,
        _shown(progress, stop) as (show, warn),
        _sent(chosen, runs, store_url, store_flags, warn) as send,
        tensorboard.listening(runs / chosen.run / tensorboard.FOLDER_NAME, warn=warn) as scalars,
        journal.keeping(runs / chosen.run / journal.FILE_NAME, warn=warn) as note,
    ):
        run = _trainer()

        def on_event(event: Event) -> None:
            show(event)
            note(event)
            scalars(event)
            if isinstance(event, Started | EpisodeRecord):
                send()

        finish = run(
            chosen,
            runs / chosen.run,
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


def _resolved(config: Config) -> TrainConfig:
    """Return the training with nothing left to `auto`; looks at the host only if needed."""
    given = config.train
    autos = (given.profile, given.device, given.recompute, given.precision, given.optimizer_state)
    if "auto" not in autos:
        return apply_profile(given, given.profile)
    from infra.stack.plan import plan
    from qca.cli.hosts import host_facts

    stack = config.stack.model_copy(update={"runtime": "local"})
    return plan(host_facts(None), config.model_copy(update={"stack": stack})).train


def _predicted_peak(train: TrainConfig) -> int | None:
    if train.device == "auto" or train.recompute == "auto":
        return None  # not reached: both are resolved before a training starts
    return estimate(train, recompute=train.recompute, device=train.device).predicted_peak_bytes


@contextlib.contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[threading.Event]:
    """Set `stop` on SIGINT and SIGTERM; yield an event that tells whether it was SIGINT."""
    interrupted = threading.Event()

    def interrupt(_: int, __: FrameType | None) -> None:
        interrupted.set()
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Not through Python's streams, which may be in the middle of a write.
        os.write(2, _STOPPING)

    def terminate(_: int, __: FrameType | None) -> None:
        stop.set()

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, interrupt),
        signal.SIGTERM: signal.signal(signal.SIGTERM, terminate),
    }
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    runs: Path,
    store_url: str | None,
    store_flags: Path | None,
    warn: Callable[[str], None],
) -> Iterator[Callable[[], None]]:
    """Yield what to call when there is a new record for the store."""
    if store_url is None:
        yield lambda: None
        return
    client = connect(store_url, store_flags)
    file = runs / config.run / "metrics.jsonl"
    with MetricsSender(client, config.run, file, warn=warn) as sender:
        yield sender.notify
