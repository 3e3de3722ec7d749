"""Serve a viewer from a thread of the test process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from qca.automaton.automaton import Automaton
from qca.viewer.page import render_page
from qca.viewer.server import Address, bind, make_address, serve_pages
from qca.viewer.simulation import Simulation


@contextmanager
def serve(automaton: Automaton, simulations: list[Simulation]) -> Iterator[Address]:
    """Serve an automaton; each open page adds its simulation to the list."""
    loop = asyncio.new_event_loop()

    def make_simulation() -> Simulation:
        simulations.append(Simulation(automaton))
        return simulations[-1]

    with bind(0) as bound:
        address = make_address(bound)
        page = render_page(automaton, automaton.config.grid, address)
        serving = loop.create_task(serve_pages(bound, address, page, make_simulation))

        def run() -> None:
            try:
                loop.run_until_complete(serving)
            except asyncio.CancelledError:
                loop.run_until_complete(loop.shutdown_asyncgens())

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield address
        finally:
            loop.call_soon_threadsafe(serving.cancel)
            thread.join(20)
            assert not thread.is_alive()
            loop.close()
