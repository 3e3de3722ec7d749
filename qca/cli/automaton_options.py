"""Options and loading code shared by the commands for a trained automaton."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qca.cli.messages import note
from qca.core.config import Device
from qca.core.distribution import require_extra
from qca.core.units import format_count

if TYPE_CHECKING:
    from qca.automaton.automaton import Automaton


what_argument = click.argument("what")

device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Device to compute on; auto uses a GPU if one is usable.",
)


def load_automaton(what: str, runs: Path, device: Device) -> "Automaton":
    """Load an automaton and report on stderr what was loaded.

    Raises:
        LaunchError: torch is not installed.
        QcaError: see `Automaton.load`.

    """
    with require_extra("train", "running an automaton"):
        from qca.automaton.automaton import Automaton
    automaton = Automaton.load(what, runs=runs, device=device)
    for damaged in automaton.damaged:
        click.echo(f"Note: {damaged}; using an older checkpoint.", err=True)
    trained = ""
    if automaton.episode is not None:
        trained = f", trained for {format_count(automaton.episode, 'episode')}"
    note(f"Loaded `{automaton.name}`{trained}, on {automaton.device}.")
    return automaton
