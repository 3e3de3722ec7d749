"""Time a page of `qca view`: `python -m benchmarks.view [--profile cpu] [--format json]`.

It serves the untrained model of a profile on its grid, and requests frames as the page does. It
prints the frames per second while playing, and the time from a click to the frame that shows it.
The time that a browser takes to draw is not part of it. Figures are printed as measured on this
machine.
"""

import asyncio
import json
import statistics
import threading
import time
from typing import Literal

import click
import torch
from websockets.sync.client import ClientConnection, connect

from qca.automaton.automaton import Automaton
from qca.automaton.load import Saved
from qca.core.config import PROFILES, TrainConfig, apply_profile
from qca.train.weights import build_model
from qca.viewer.server import Address, bind, make_address, serve_pages
from qca.viewer.simulation import Simulation

_SECONDS = 5.0
_CLICKS = 20


def make_automaton(profile: str) -> Automaton:
    """Return the untrained automaton of a profile, on the CPU."""
    config = apply_profile(TrainConfig(), profile)
    saved = Saved(profile, config, {}, 0, None)
    return Automaton(saved, build_model(config), torch.device("cpu"))


def open_page(address: Address) -> ClientConnection:
    """Connect to the socket that a page uses."""
    url = f"{address.page.replace('http', 'ws', 1)}socket"
    return connect(url, additional_headers={"Origin": address.origin})


def show_next(page: ClientConnection) -> bytes | str:
    """Wait for a frame, acknowledge it as the page does, and return it."""
    frame = page.recv()
    page.send(json.dumps({"kind": "shown"}))
    return frame


def count_frames(page: ClientConnection) -> float:
    """Return the frames per second while playing."""
    page.send(json.dumps({"kind": "play"}))
    show_next(page)
    begun, frames = time.monotonic(), 0
    while time.monotonic() - begun < _SECONDS:
        show_next(page)
        frames += 1
    return frames / (time.monotonic() - begun)


def time_clicks(page: ClientConnection) -> list[float]:
    """Return the seconds from each click to the frame that shows it.

    Frames already sent arrive first. A click changes the state without a step, so its frame is the
    one that repeats a step number.
    """
    seconds = []
    last = read_step(show_next(page))
    for _ in range(_CLICKS):
        begun = time.monotonic()
        page.send(json.dumps({"kind": "perturb", "row": 1, "column": 1, "radius": 1}))
        while (step := read_step(show_next(page))) != last:
            last = step
        seconds.append(time.monotonic() - begun)
    return seconds


def read_step(frame: bytes | str) -> int:
    """Return the step whose state a frame shows."""
    assert isinstance(frame, bytes), frame
    return int.from_bytes(frame[:4], "little")


@click.command()
@click.option("--profile", type=click.Choice(sorted(PROFILES)), default="cpu", show_default=True)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
def main(profile: str, format_: Literal["text", "json"]) -> None:
    """Measure a page of the viewer."""
    automaton = make_automaton(profile)
    with bind(0) as bound:
        address = make_address(bound)
        serving = serve_pages(bound, address, "", lambda: Simulation(automaton))
        threading.Thread(target=asyncio.run, args=(serving,), daemon=True).start()
        with open_page(address) as page:
            rate = count_frames(page)
            clicks = time_clicks(page)
    result = {
        "profile": profile,
        "grid": automaton.config.grid,
        "frames_per_second": rate,
        "click_seconds_median": statistics.median(clicks),
        "click_seconds_worst": max(clicks),
    }
    if format_ == "json":
        click.echo(json.dumps(result, indent=2))
    else:
        for name, value in result.items():
            click.echo(
                f"{name:22} {value:.4g}" if isinstance(value, float) else f"{name:22} {value}"
            )


if __name__ == "__main__":
    main()
