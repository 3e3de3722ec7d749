"""Fetch a list from the Docker Engine's API, such as the engine's images."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError, describe_error
from infra.host.facts import NoEngine
from infra.host.probes.docker import http_api
from infra.host.probes.docker.endpoint import resolve_endpoint

T = TypeVar("T")


def fetch_list(path: str, what: str, parse: Callable[[list[Any]], T], deadline: Deadline) -> T:
    """Return the parsed array at `path`; `what` names its items in an error.

    `parse` may raise ValueError, LookupError or TypeError if the answer is not as expected.

    Raises:
        ProbeError: the engine does not list them.

    """
    endpoint = resolve_endpoint(os.environ, Path.home())
    if isinstance(endpoint, NoEngine):
        raise ProbeError(f"the engine's {what} could not be listed: {endpoint.detail}")
    if endpoint.scheme == "ssh":
        raise ProbeError(f"the {what} of an engine at an ssh:// address are not listed")
    try:
        connection = http_api.connect(endpoint, deadline)
        return parse(http_api.get_list(connection, endpoint, path, deadline))
    except (http_api.RefusedError, OSError, ValueError, LookupError, TypeError) as error:
        reason = describe_error(error)
        raise ProbeError(f"the engine's {what} could not be listed: {reason}") from None
