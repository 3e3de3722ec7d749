"""Query an engine at an ssh:// address through the `docker` program.

It runs without a terminal, so that ssh cannot prompt for a password.
"""

import json
import os
import shutil
from typing import Any, Literal

from infra.host.deadline import Deadline, Output
from infra.host.errors import ProbeTimeoutError
from infra.host.facts import Engine, NoEngine
from infra.host.probes.docker.endpoint import Endpoint
from infra.host.probes.docker.engine_facts import parse_engine
from qca.core.json_object import is_object

# Messages of ssh and docker, with the step that failed. The first match decides.
_STEPS: tuple[tuple[str, Literal["no-permission", "bad-host"]], ...] = (
    ("permission denied", "no-permission"),
    ("host key verification failed", "no-permission"),
    ("could not resolve hostname", "bad-host"),
)


def ask_engine(endpoint: Endpoint, deadline: Deadline) -> Engine | NoEngine:
    """Return the engine's facts, or the step at which the connection failed."""
    program = shutil.which("docker")
    if program is None:
        detail = "an ssh:// address needs the `docker` program, and there is none on PATH"
        return NoEngine(state="not-installed", host=endpoint.host, detail=detail)
    env = {**os.environ, "SSH_ASKPASS_REQUIRE": "never"}
    try:
        version = deadline.run([program, "version", "--format", "{{json .Server}}"], env=env)
        info = deadline.run([program, "info", "--format", "{{json .}}"], env=env)
    except ProbeTimeoutError as error:
        return NoEngine(state="no-answer", host=endpoint.host, detail=str(error))
    if version.exit_code or info.exit_code:
        return _classify_failure(endpoint, version if version.exit_code else info)
    try:
        return parse_engine(endpoint, _parse_document(version), _parse_document(info))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        detail = f"cannot parse the output of `docker info`: {error}"
        return NoEngine(state="no-answer", host=endpoint.host, detail=detail)


def _parse_document(output: Output) -> dict[str, Any]:
    document = json.loads(output.stdout)
    if not is_object(document):
        raise ValueError(output.error_line)
    return document


def _classify_failure(endpoint: Endpoint, output: Output) -> NoEngine:
    error_text = output.stderr.lower()
    for words, state in _STEPS:
        if words in error_text:
            return NoEngine(state=state, host=endpoint.host, detail=output.error_line)
    return NoEngine(state="not-running", host=endpoint.host, detail=output.error_line)
