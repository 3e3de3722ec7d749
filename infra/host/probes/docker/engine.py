"""Query the Docker Engine through its API, or report the step at which that failed."""

import errno
import os
import shutil
import socket
from pathlib import Path
from typing import Literal

from infra.host.deadline import Deadline
from infra.host.errors import describe_error
from infra.host.facts import Engine, NoEngine
from infra.host.probes.docker import http_api, over_ssh
from infra.host.probes.docker.daemon import add_daemon_facts
from infra.host.probes.docker.endpoint import DEFAULT_HOST, Endpoint, resolve_endpoint
from infra.host.probes.docker.engine_facts import parse_engine
from infra.host.probes.docker.sockets import find_other_sockets, read_owner_group

_State = Literal["not-running", "no-permission", "bad-host", "no-answer"]

# The meaning of the errors of connect(2); any other error means `not-running`.
_BY_ERRNO: dict[int | None, _State] = {
    errno.EACCES: "no-permission",
    errno.EPERM: "no-permission",
    errno.EPROTOTYPE: "bad-host",  # a socket, but not one to connect to
    errno.EAGAIN: "no-answer",  # its queue is full: it has stopped accepting
}


def probe(deadline: Deadline) -> Engine | NoEngine:
    """Find the engine in the same way as `docker`, and query it."""
    endpoint = resolve_endpoint(os.environ, Path.home())
    if isinstance(endpoint, NoEngine):
        return endpoint
    if endpoint.scheme == "ssh":
        return over_ssh.ask_engine(endpoint, deadline)
    return _ask_engine(endpoint, deadline)


def _ask_engine(endpoint: Endpoint, deadline: Deadline) -> Engine | NoEngine:
    try:
        connection = http_api.connect(endpoint, deadline)
    except TimeoutError:
        return _report_timeout(endpoint, deadline)
    except (socket.gaierror, UnicodeError) as error:
        return NoEngine(state="bad-host", host=endpoint.host, detail=describe_error(error))
    except OSError as error:
        return _explain_unreachable(endpoint, error)
    try:
        version = http_api.get(connection, endpoint, "/version", deadline)
        again = http_api.connect(endpoint, deadline)
        info = http_api.get(again, endpoint, "/info", deadline)
        return add_daemon_facts(parse_engine(endpoint, version, info))
    except TimeoutError:
        return _report_timeout(endpoint, deadline)
    except http_api.RefusedError as error:
        state = _classify_status(error.status)
        return NoEngine(state=state, host=endpoint.host, detail=str(error))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        detail = f"the answer is not from a Docker Engine: {describe_error(error)}"
        return NoEngine(state="bad-host", host=endpoint.host, detail=detail)


def _explain_unreachable(endpoint: Endpoint, error: OSError) -> NoEngine:
    if error.errno is None:  # Python's own error: the path is too long for a socket
        return NoEngine(state="bad-host", host=endpoint.host, detail=str(error))
    state = _BY_ERRNO.get(error.errno, "not-running")
    if error.errno == errno.ENOENT and endpoint.host == DEFAULT_HOST and not _is_installed():
        return NoEngine(
            state="not-installed",
            host=endpoint.host,
            detail="there is no `docker` program on PATH and no socket",
            other_sockets=find_other_sockets(endpoint),
        )
    group, member = read_owner_group(endpoint) if state == "no-permission" else (None, False)
    return NoEngine(
        state=state,
        host=endpoint.host,
        detail=describe_error(error),
        other_sockets=find_other_sockets(endpoint),
        socket_group=group,
        group_member=member,
    )


def _is_installed() -> bool:
    return any(shutil.which(program) for program in ("docker", "dockerd"))


def _report_timeout(endpoint: Endpoint, deadline: Deadline) -> NoEngine:
    detail = str(deadline.timeout_error(f"the Docker daemon at {endpoint.host}"))
    return NoEngine(state="no-answer", host=endpoint.host, detail=detail)


def _classify_status(status: int) -> _State:
    if status in (401, 403):
        return "no-permission"
    return "no-answer" if status >= 500 else "bad-host"
