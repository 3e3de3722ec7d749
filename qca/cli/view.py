"""`qca view`: a trained automaton live in a browser."""

import asyncio
import webbrowser
from pathlib import Path

import click

from qca.cli.automaton_options import device_option, load_automaton, what_argument
from qca.cli.options import runs_option
from qca.core.config import Device
from qca.core.distribution import explain_install
from qca.core.errors import LaunchError


@click.command()
@what_argument
@runs_option
@device_option
@click.option("--grid", type=int, help="Cells a side, a multiple of 4.  [default: the training's]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port on 127.0.0.1.  [default: any free one]",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
def view(what: str, runs: Path, device: Device, grid: int | None, port: int, opens: bool) -> None:
    """Run a trained automaton live, in a page on this machine.

    WHAT is a run's name or folder, a checkpoint, or a file of qca export. The page starts,
    pauses and steps it, shows any field, and lets you draw on it. Only someone who has the
    address, with its token, can open it, and only on this machine. Closing the page stops the
    stepping; Ctrl-C ends the command.
    """
    automaton = load_automaton(what, runs, device)
    try:
        from qca.viewer.page import render_page
        from qca.viewer.server import bind, make_address, serve_pages
        from qca.viewer.simulation import Simulation
    except ModuleNotFoundError as error:
        raise LaunchError(
            f"the viewer needs {error.name}, which is not installed here",
            hint=explain_install("view"),
        ) from None
    cells = automaton.make_start(grid=grid).shape[1]  # refuses a grid that is not possible
    automaton.require_memory(cells)
    with bind(port) as bound:
        address = make_address(bound)
        page = render_page(automaton, cells, address)
        click.echo(f"Open {address.page} in a browser; Ctrl-C ends the view.", err=True)
        if opens:
            webbrowser.open(address.page)
        asyncio.run(serve_pages(bound, address, page, lambda: Simulation(automaton, grid=cells)))
