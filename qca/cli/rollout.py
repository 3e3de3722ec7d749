"""`qca rollout`: run a trained automaton, and write what is seen."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qca.cli.automaton_options import device_option, load_automaton, what_argument
from qca.cli.options import runs_option
from qca.cli.signals import set_on_signals
from qca.core.config import Device

if TYPE_CHECKING:
    from qca.automaton.automaton import Automaton
    from qca.measures.choose_field import ChosenField
    from qca.measures.state import ComplexArray, State
    from qca.rollout.request import Format, RolloutRequest

_STOPPING = b"\nStopping; writing what there is so far. Ctrl-C again stops at once.\n"

# What a page shows beside the densities of the first few components.
_PAGE_FIELDS = ("phase", "dominant", "entropy", "coherence", "change", "asymmetry")
_PAGE_COMPONENTS = 4


@click.command()
@what_argument
@runs_option
@device_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write here: .html (a player), .gif, .mp4, .webm, .png (a contact sheet), .safetensors "
    "or .npz (the states).  [default: rollout.html in the run folder]",
)
@click.option("--steps", type=click.IntRange(0, 10_000_000), default=500, show_default=True)
@click.option("--grid", type=int, help="Cells a side, a multiple of 4.  [default: the training's]")
@click.option(
    "--seed", type=click.IntRange(min=0), help="Of start and noise.  [default: the run's]"
)
@click.option(
    "--noise", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Rate of noise."
)
@click.option(
    "--start",
    default="random",
    show_default=True,
    help="random, seed-cell (one excited cell), or a FILE with a state: a trajectory or .npy.",
)
@click.option(
    "--field",
    "field_names",
    multiple=True,
    help="What to show: density, phase, dominant, entropy, coherence, change, asymmetry; "
    "density:2 is that of component 2. Repeat it for several.",
)
@click.option("--every", type=click.IntRange(min=1), help="Steps between two frames.")
@click.option(
    "--fps",
    type=click.FloatRange(0.1, 240),
    default=25.0,
    show_default=True,
    help="Frames a second.",
)
def rollout(
    what: str,
    runs: Path,
    device: Device,
    output: Path | None,
    steps: int,
    grid: int | None,
    seed: int | None,
    noise: float,
    start: str,
    field_names: tuple[str, ...],
    every: int | None,
    fps: float,
) -> None:
    """Run a trained automaton without training it, and write what is seen.

    WHAT is a run's name or folder, a checkpoint, or a file of qca export. The page that is
    written by default is one file with a player; it loads nothing.

    The first Ctrl-C writes what there is so far and ends with 130; a second one ends at once.
    """
    automaton = load_automaton(what, runs, device)
    from qca.rollout.request import make_request, parse_format, require_possible

    output = output or (automaton.folder or Path()) / "rollout.html"
    psi = automaton.make_start(start, grid=grid, seed=seed)
    fields = _choose_fields(field_names, parse_format(output), psi)
    request = make_request(output, steps, psi.shape[1:], every, fields, fps)
    require_possible(request, automaton.config.d_state)
    stop = threading.Event()
    states = automaton.rollout(
        steps, seed=seed, noise=noise, start=psi, every=request.every, stop=stop
    )
    with set_on_signals(stop, _STOPPING) as interrupted:
        click.echo(f"Running {steps:,} steps of {psi.shape[1]}x{psi.shape[2]} cells.", err=True)
        _record(automaton, request, states)
    click.echo(f"Wrote {output}.", err=True)
    if interrupted.is_set():
        raise KeyboardInterrupt


def _choose_fields(
    names: tuple[str, ...], format_: "Format", psi: "ComplexArray"
) -> "list[ChosenField]":
    """Return the fields asked for; without any, many for a page and one for a picture."""
    from qca.measures.choose_field import choose_field

    if not names:
        count = min(_PAGE_COMPONENTS, len(psi)) if format_ == "html" else 1
        names = tuple(f"density:{component}" for component in range(count))
        if format_ == "html":
            is_square = psi.shape[1] == psi.shape[2]
            names += _PAGE_FIELDS if is_square else _PAGE_FIELDS[:-1]
    return [choose_field(name, len(psi)) for name in names]


def _record(automaton: "Automaton", request: "RolloutRequest", states: "Iterator[State]") -> None:
    """Run to the end, with a bar, and write the file."""
    from rich.console import Console
    from rich.progress import track

    from qca.rollout.player import Player
    from qca.rollout.recording import Recording
    from qca.rollout.write import write_recording

    recording = Recording(request.fields, request.keeps_states, request.stride)
    console = Console(stderr=True)
    for state in track(
        states,
        description=f"{automaton.name}, {request.steps:,} steps",
        total=request.frames,
        console=console,
        disable=not console.is_terminal,
    ):
        recording.add(state)
    player = Player(automaton.name, _describe(automaton, request), request.fps)
    write_recording(request, recording, player, automaton.episode)


def _describe(automaton: "Automaton", request: "RolloutRequest") -> str:
    rows, columns = request.grid
    trained = "" if automaton.episode is None else f"after {automaton.episode:,} episodes; "
    apart = "" if request.every == 1 else f", a frame every {request.every} steps"
    if request.stride > 1:
        apart += f"; one of {request.stride} cells along each axis is shown"
    return (
        f"The automaton {trained}{rows}\u00d7{columns} cells of "
        f"{automaton.config.d_state} components, {request.steps:,} steps{apart}."
    )
