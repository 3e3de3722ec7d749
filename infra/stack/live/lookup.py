"""Probe name resolution: the store's name on the stack's network, and a public name."""

import socket
import threading
from typing import Literal

from infra.host.errors import ProbeTimeoutError
from infra.host.facts import NameLookup
from infra.stack.live.sandbox import ContainerRequest, Sandbox
from infra.stack.live.shell import COMMAND_NOT_FOUND, run_script
from infra.stack.services import STORE

OUTSIDE_NAME = "pypi.org"
"""The host that pip accesses when the trainer image is built."""

_LOOK_UP = 'if command -v getent >/dev/null; then getent hosts "$1"; else nslookup "$1"; fi'
_HOST_SECONDS = 5.0


def look_up_names(sandbox: Sandbox, image: str, seconds: float) -> tuple[NameLookup, ...]:
    """Look up the store's name on a network like the stack's, and a public name on Docker's
    default."""
    stack = ContainerRequest(
        image=image, command=[], network=sandbox.create_network(), aliases=[STORE]
    )
    default = ContainerRequest(image=image, command=[], network="bridge")
    return (
        _look_up(sandbox, stack, STORE, "stack", seconds),
        _compare_with_host(_look_up(sandbox, default, OUTSIDE_NAME, "default", seconds)),
    )


def _look_up(
    sandbox: Sandbox,
    request: ContainerRequest,
    name: str,
    network: Literal["stack", "default"],
    seconds: float,
) -> NameLookup:
    try:
        outcome = run_script(sandbox, request, _LOOK_UP, [name], seconds)
    except ProbeTimeoutError as error:
        return NameLookup(name=name, network=network, found=False, detail=str(error))
    if outcome.exit_code == COMMAND_NOT_FOUND:
        detail = f"the image {request.image} has neither getent nor nslookup"
        return NameLookup(name=name, network=network, found=None, detail=detail)
    found = outcome.exit_code == 0
    detail = "" if found else outcome.output or f"exit code {outcome.exit_code}"
    return NameLookup(name=name, network=network, found=found, detail=detail)


def _compare_with_host(lookup: NameLookup) -> NameLookup:
    """Return the lookup as unknown if the host cannot resolve the name either."""
    if lookup.found is not False or _is_known_here(lookup.name):
        return lookup
    detail = "this host cannot resolve the name either"
    return NameLookup(name=lookup.name, network=lookup.network, found=None, detail=detail)


def _is_known_here(name: str) -> bool:
    """Return whether this host resolves the name within a few seconds."""
    found = threading.Event()

    def look_up() -> None:
        try:
            socket.getaddrinfo(name, 443)
        except OSError:
            return
        found.set()

    thread = threading.Thread(target=look_up, name="lookup", daemon=True)
    thread.start()
    thread.join(_HOST_SECONDS)
    return found.is_set()
