"""Connect a page to its automaton: read commands, and send frames as fast as they are shown."""

import asyncio
import json
import time
from contextlib import suppress

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from qca.core.errors import InputError, QcaError
from qca.viewer.messages import (
    ChooseField,
    ChooseSpeed,
    Message,
    Perturb,
    Reset,
    Simple,
    parse_message,
)
from qca.viewer.simulation import Simulation

FRAMES_PER_SECOND = 30
# Maximum number of unacknowledged frames; more would only arrive late.
_MOST_UNSHOWN = 2


class Connection:
    """Steps an automaton until its page is closed."""

    def __init__(self, socket: ServerConnection, simulation: Simulation) -> None:
        self._socket = socket
        self._simulation = simulation
        self._is_playing = False
        self._steps = 1
        self._unshown = 0
        self._commands: asyncio.Queue[Message] = asyncio.Queue()

    async def run(self) -> None:
        """Serve the page until it is closed."""
        listening = asyncio.create_task(self._listen())
        stepping = asyncio.create_task(self._step_and_show())
        _, unfinished = await asyncio.wait(
            {listening, stepping}, return_when=asyncio.FIRST_COMPLETED
        )
        for task in unfinished:
            task.cancel()
        for task in (listening, stepping):
            with suppress(asyncio.CancelledError, ConnectionClosed):
                await task

    async def _listen(self) -> None:
        async for text in self._socket:
            try:
                await self._commands.put(parse_message(text))
            except InputError as error:
                await self._report(error)

    async def _step_and_show(self) -> None:
        await self._show()
        while True:
            due = time.monotonic() + 1 / FRAMES_PER_SECOND
            if self._can_step():
                await asyncio.to_thread(self._simulation.advance, self._steps)
                await self._show()
                await self._obey_until(due)
            else:
                await self._obey(await self._commands.get())

    def _can_step(self) -> bool:
        return self._is_playing and self._unshown < _MOST_UNSHOWN

    async def _obey_until(self, due: float) -> None:
        """Apply all waiting commands, then further ones until the next frame is due."""
        while True:
            if not self._commands.empty():
                await self._obey(self._commands.get_nowait())
                continue
            rest = due - time.monotonic()
            if rest <= 0:
                return
            try:
                command = await asyncio.wait_for(self._commands.get(), rest)
            except TimeoutError:
                return
            await self._obey(command)

    async def _obey(self, command: Message) -> None:
        if isinstance(command, Simple) and command.kind == "shown":
            self._unshown = max(0, self._unshown - 1)
            return
        try:
            shows = await asyncio.to_thread(self._apply, command)
        except QcaError as error:
            await self._report(error)
            return
        if shows:
            await self._show()

    def _apply(self, command: Message) -> bool:
        """Apply a command; return whether the page needs a new frame."""
        match command:
            case Simple("play"):
                self._is_playing = True
                return False
            case Simple("pause"):
                self._is_playing = False
                return False
            case Simple():
                self._is_playing = False
                self._simulation.advance(1)
            case Reset():
                self._simulation.reset(command.seed, command.start)
            case ChooseField():
                self._simulation.choose(command.name)
            case Perturb():
                self._simulation.perturb(command.row, command.column, command.radius)
            case ChooseSpeed():
                self._steps = command.steps
                return False
        return True

    async def _show(self) -> None:
        frame = await asyncio.to_thread(self._simulation.draw)
        self._unshown += 1
        await self._socket.send(frame.encode())

    async def _report(self, error: QcaError) -> None:
        await self._socket.send(json.dumps({"problem": f"{error.message} {error.hint}".strip()}))
