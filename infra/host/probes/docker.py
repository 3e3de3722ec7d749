"""The Docker Engine, asked through its API; or at which step it could not be reached."""

import errno
import os
import shutil
import socket
from pathlib import Path
from typing import Any, Literal

from infra.host.facts import Engine, NoEngine
from infra.host.look import Limit, in_words
from infra.host.probes import docker_ssh
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


def probe(limit: Limit) -> Engine | NoEngine:
    """Find the engine as `docker` would, and ask it."""
    endpoint = resolve(os.environ, Path.home())
    if isinstance(endpoint, NoEngine):
        return endpoint
    if endpoint.scheme == "ssh":
        return docker_ssh.ask(endpoint, limit)
    # Connecting first tells the steps apart by their errno, and spares a host without
    # an engine the import of docker-py.
    return _connect(endpoint, limit) or _ask(endpoint, limit)


def _connect(endpoint: Endpoint, limit: Limit) -> NoEngine | None:
    """Connect to the engine's socket; return what prevents it."""
    try:
        if endpoint.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(limit.left())
                connection.connect(endpoint.socket)
        else:
            socket.create_connection(endpoint.address, timeout=limit.left()).close()
    except TimeoutError:
        return _no_answer(endpoint, limit)
    except (socket.gaierror, UnicodeError) as error:
        return NoEngine(state="bad-host", host=endpoint.host, detail=in_words(error))
    except OSError as error:
        return _unreachable(endpoint, error)
    return None


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


def _no_answer(endpoint: Endpoint, limit: Limit) -> NoEngine:
    detail = str(limit.too_long(f"the Docker daemon at {endpoint.host}"))
    return NoEngine(state="no-answer", host=endpoint.host, detail=detail)


def _ask(endpoint: Endpoint, limit: Limit) -> Engine | NoEngine:
    import docker
    import requests
    from docker.errors import DockerException

    # Its timeouts are typed as whole seconds, but are handed on to requests as they are.
    connect: Any = docker.APIClient
    try:
        client = connect(
            base_url=endpoint.host, version="auto", timeout=limit.left(), tls=_tls(endpoint)
        )
        with client:
            client.timeout = limit.left()
            version = client.version(api_version=False)
            client.timeout = limit.left()
            found = engine(endpoint, version, client.info())
            return found.model_copy(update={"most_memlock": most_memlock(found)})
    except (DockerException, requests.RequestException) as error:
        return _refused(endpoint, error, limit)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        detail = f"what answers is no Docker Engine: {in_words(error)}"
        return NoEngine(state="bad-host", host=endpoint.host, detail=detail)


def _tls(endpoint: Endpoint) -> Any:
    """Return docker-py's TLS settings for the endpoint's certificates."""
    from docker.tls import TLSConfig

    if endpoint.tls is None:
        return False
    ca, certificate, key = (
        str(endpoint.tls.folder / name) for name in ("ca.pem", "cert.pem", "key.pem")
    )
    client = (certificate, key) if Path(certificate).exists() else None
    return TLSConfig(
        client_cert=client,
        ca_cert=ca if Path(ca).exists() else None,
        verify=endpoint.tls.verify,
    )


def _refused(endpoint: Endpoint, error: Exception, limit: Limit) -> NoEngine:
    """Judge by the error at the bottom; docker-py wraps it in others of its own."""
    import requests

    state: _State = "bad-host"  # something answers, but not in Docker's way
    bottom: BaseException | None = error
    while bottom is not None:
        if isinstance(bottom, TimeoutError | requests.Timeout):
            return _no_answer(endpoint, limit)
        response = getattr(bottom, "response", None)
        if isinstance(response, requests.Response):
            state = _state_of_status(response.status_code)
        bottom = bottom.__cause__ or bottom.__context__
    return NoEngine(state=state, host=endpoint.host, detail=str(error))


def _state_of_status(status: int) -> _State:
    if status in (401, 403):
        return "no-permission"
    return "no-answer" if status >= 500 else "bad-host"
