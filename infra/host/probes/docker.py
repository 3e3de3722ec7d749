"""The Docker Engine, asked through its API; or at which step it could not be reached."""

import errno
import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import Literal

from infra.host.deadline import Deadline, in_words
from infra.host.facts.host import Engine, NoEngine
from infra.host.probes import docker_api, docker_ssh
from infra.host.probes.docker_answer import engine
from infra.host.probes.docker_daemon import most_memlock
from infra.host.probes.docker_endpoint import DEFAULT_HOST, Endpoint, resolve
from infra.host.probes.docker_socket import other_sockets, owner_group

_State = Literal["not-running", "no-permission", "bad-host", "no-answer"]

# What connecting to a socket says; anything else is `not-running`.
_BY_ERRNO: dict[int | None, _State] = {
    errno.EACCES: "no-permission",
    errno.EPERM: "no-permission",
    errno.EPROTOTYPE: "bad-host",  # a socket, but not one to connect to
    errno.EAGAIN: "no-answer",  # its queue is full: it has stopped accepting
}


def probe(limit: Deadline) -> Engine | NoEngine:
    """Find the engine as `docker` would, and ask it."""
    endpoint = resolve(os.environ, Path.home())
    if isinstance(endpoint, NoEngine):
        return endpoint
    if endpoint.scheme == "ssh":
        return docker_ssh.ask(endpoint, limit)
    return _ask(endpoint, limit)


def _ask(endpoint: Endpoint, limit: Deadline) -> Engine | NoEngine:
    try:
        connection = docker_api.connect(endpoint, limit)
    except TimeoutError:
        return _no_answer(endpoint, limit)
    except (socket.gaierror, UnicodeError) as error:
        return NoEngine(state="bad-host", host=endpoint.host, detail=in_words(error))
    except OSError as error:
        return _unreachable(endpoint, error)
    try:
        version = docker_api.get(connection, endpoint, "/version", limit)
        again = docker_api.connect(endpoint, limit)
        found = engine(endpoint, version, docker_api.get(again, endpoint, "/info", limit))
        return replace(found, most_memlock=most_memlock(found))
    except TimeoutError:
        return _no_answer(endpoint, limit)
    except docker_api.RefusedError as error:
        state = _state_of_status(error.status)
        return NoEngine(state=state, host=endpoint.host, detail=str(error))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        detail = f"what answers is no Docker Engine: {in_words(error)}"
        return NoEngine(state="bad-host", host=endpoint.host, detail=detail)


def _unreachable(endpoint: Endpoint, error: OSError) -> NoEngine:
    if error.errno is None:  # Python's own: the path is too long for a socket
        return NoEngine(state="bad-host", host=endpoint.host, detail=str(error))
    state = _BY_ERRNO.get(error.errno, "not-running")
    if error.errno == errno.ENOENT and endpoint.host == DEFAULT_HOST and not _installed():
        return NoEngine(
            state="not-installed",
            host=endpoint.host,
            detail="there is no `docker` program on PATH and no socket",
            other_sockets=other_sockets(endpoint),
        )
    group, member = owner_group(endpoint) if state == "no-permission" else (None, False)
    return NoEngine(
        state=state,
        host=endpoint.host,
        detail=in_words(error),
        other_sockets=other_sockets(endpoint),
        socket_group=group,
        group_member=member,
    )


def _installed() -> bool:
    return any(shutil.which(program) for program in ("docker", "dockerd"))


def _no_answer(endpoint: Endpoint, limit: Deadline) -> NoEngine:
    detail = str(limit.too_long(f"the Docker daemon at {endpoint.host}"))
    return NoEngine(state="no-answer", host=endpoint.host, detail=detail)


def _state_of_status(status: int) -> _State:
    if status in (401, 403):
        return "no-permission"
    return "no-answer" if status >= 500 else "bad-host"
