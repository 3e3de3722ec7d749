"""`qca view`: run a trained automaton live in the browser."""

import asyncio
import webbrowser
from pathlib import Path

import click

from qca.cli.automaton_options import device_option, load_automaton, what_argument
from qca.cli.options import runs_option
from qca.core.config import Device
from qca.core.distribution import require_extra


@click.command()
@what_argument
@runs_option
@device_option
@click.option(
    "--grid", type=int, help="Cells per side, a multiple of 4.  [default: as in training]"
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port on 127.0.0.1.  [default: any free one]",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
def view(what: str, runs: Path, device: Device, grid: int | None, port: int, opens: bool) -> None:
    """Run a trained automaton live in the browser.

    WHAT is a run's name or folder, a checkpoint, or a .safetensors or .pth file from qca export. On
    the page you can start, pause and step it, show any field, and draw on it. The page opens only
    on this machine, and only with the token in its address. Closing the page stops the stepping;
    Ctrl-C stops the command.
    """
    automaton = load_automaton(what, runs, device)
    with require_extra("view", "the viewer"):
        from qca.viewer.page import render_page
        from qca.viewer.server import bind, make_address, serve_pages
        from qca.viewer.simulation import Simulation
    cells = automaton.make_start(grid=grid).shape[1]  # refuses an invalid grid
    automaton.require_memory(cells)
    with bind(port) as bound:
        address = make_address(bound)
        page = render_page(automaton, cells, address)
        click.echo(f"Open {address.page} in a browser; Ctrl-C stops the viewer.", err=True)
        if opens:
            webbrowser.open(address.page)
        asyncio.run(serve_pages(bound, address, page, lambda: Simulation(automaton, grid=cells)))
