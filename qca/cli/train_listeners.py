"""Listeners that show the events of `qca train` and send its metrics."""

import contextlib
import sys
import threading
from collections.abc import Generator

import click

from qca.cli.next_steps import describe_resume
from qca.cli.progress import ProgressView
from qca.runs.events import EpisodeRecord, Event, Finished, Listener, Started, Warn
from qca.runs.run_folder import RunFolder
from qca.store.client import connect
from qca.store.sender import MetricsSender
from qca.train.request import TrainRequest


@contextlib.contextmanager
def open_listeners(
    request: TrainRequest, stop: threading.Event, *, leads: bool
) -> Generator[tuple[list[Listener], Warn]]:
    """Yield the event listeners and the function for warnings; only the leader has listeners."""
    if not leads:
        yield [], lambda message: None
        return
    with (
        _open_view(request, stop) as (show, warn),
        _open_sender(request, warn) as send,
    ):
        yield [show, send], warn


@contextlib.contextmanager
def _open_view(request: TrainRequest, stop: threading.Event) -> Generator[tuple[Listener, Warn]]:
    """Yield a function that shows an event, and one that shows a warning."""
    if request.progress == "auto":
        with ProgressView(resume=describe_resume(resume=request.resume)) as view:
            yield view.show, view.say
        return

    def write(event: Event) -> None:
        try:
            print(event.model_dump_json(), flush=True)
        except BrokenPipeError:
            # The reader was probably killed, so it can no longer stop this process: stop now.
            stop.set()
            sys.stdout = None  # type: ignore[assignment]

    yield write, lambda message: click.echo(f"qca: {message}", err=True)


@contextlib.contextmanager
def _open_sender(request: TrainRequest, warn: Warn) -> Generator[Listener]:
    """Yield a listener that notifies the sender; without a store, the listener does nothing."""
    if request.store_url is None:
        yield lambda event: None
        return
    client = connect(request.store_url, request.store_flags)
    file = RunFolder(request.folder).metrics
    with MetricsSender(client, request.config.run, file, warn=warn) as sender:

        def send(event: Event) -> None:
            if isinstance(event, Started | EpisodeRecord | Finished):
                sender.notify()

        yield send
