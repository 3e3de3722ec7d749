"""`qca rollout`: run a trained automaton and save an animation, pictures or the states."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qca.cli.automaton_options import device_option, load_automaton, what_argument
from qca.cli.messages import note
from qca.cli.options import NumberRange, runs_option
from qca.cli.signals import set_on_signals
from qca.cli.verbosity import is_quiet
from qca.core.config import Device
from qca.core.units import format_count

if TYPE_CHECKING:
    from qca.automaton.automaton import Automaton
    from qca.measures.state import State
    from qca.rollout.request import RolloutRequest

_STOPPING = b"\nStopping; writing what there is so far. A second Ctrl-C stops at once.\n"


@click.command()
@what_argument
@runs_option
@device_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Output file: .html (a player), .gif, .mp4, .webm, .png (a contact sheet), .safetensors "
    "or .npz (the states).  [default: rollout.html in the run folder]",
)
@click.option("--steps", type=click.IntRange(0, 10_000_000), default=500, show_default=True)
@click.option(
    "--grid", type=int, help="Cells per side, a multiple of 4.  [default: as in training]"
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="Seed of the initial state and the noise.  [default: the run's]",
)
@click.option("--noise", type=NumberRange(0, 1), default=0.0, show_default=True, help="Noise rate.")
@click.option(
    "--start",
    default="random",
    show_default=True,
    help="Initial state: random, seed-cell (one excited cell), or a FILE (a trajectory or .npy).",
)
@click.option(
    "--field",
    "field_names",
    multiple=True,
    help="What to show: density, phase, dominant, entropy, coherence, change, asymmetry; "
    "density:2 is the density of component 2 (repeatable).",
)
@click.option("--every", type=click.IntRange(min=1), help="Steps between frames.")
@click.option(
    "--fps",
    type=NumberRange(0.1, 240),
    default=25.0,
    show_default=True,
    help="Frames per second.",
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
    """Run a trained automaton and save an animation, pictures or the states.

    WHAT is a run's name or folder, a checkpoint, or a .safetensors or .pth file from qca export. By
    default, the command writes an HTML page with a player, which loads nothing from a network.

    The first Ctrl-C saves the frames so far and exits with 130; a second one exits immediately.
    """
    automaton = load_automaton(what, runs, device)
    from qca.rollout.request import make_request, parse_format, require_possible
    from qca.rollout.shown_fields import choose_fields

    output = output or (automaton.folder or Path()) / "rollout.html"
    psi = automaton.make_start(start, grid=grid, seed=seed)
    d_state = automaton.config.d_state
    fields = choose_fields(field_names, parse_format(output), psi.shape[1:], d_state)
    request = make_request(output, steps, psi.shape[1:], every, fields, fps)
    require_possible(request, d_state)
    stop = threading.Event()
    states = automaton.rollout(
        steps, seed=seed, noise=noise, start=psi, every=request.every, stop=stop
    )
    with set_on_signals(stop, _STOPPING) as interrupted:
        note(f"Running {format_count(steps, 'step')} of {psi.shape[1]}x{psi.shape[2]} cells.")
        _record(automaton, request, states)
    note(f"Wrote {output}.")
    if interrupted.is_set():
        raise KeyboardInterrupt


def _record(automaton: "Automaton", request: "RolloutRequest", states: "Iterator[State]") -> None:
    """Run all steps with a progress bar, and write the file."""
    from rich.console import Console
    from rich.progress import track

    from qca.rollout.describe import describe_rollout
    from qca.rollout.player import Player
    from qca.rollout.recording import Recording
    from qca.rollout.write import write_recording

    recording = Recording(request.fields, request.keeps_states, request.stride)
    console = Console(stderr=True)
    for state in track(
        states,
        description=f"{automaton.name}, {format_count(request.steps, 'step')}",
        total=request.frames,
        console=console,
        disable=is_quiet() or not console.is_terminal,
    ):
        recording.add(state)
    description = describe_rollout(automaton, request, recording.steps[-1])
    player = Player(automaton.name, description, request.fps)
    write_recording(request, recording, player, automaton.episode)
