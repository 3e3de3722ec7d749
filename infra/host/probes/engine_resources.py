"""List the networks, volumes and images of the engine; nothing is created or pulled."""

import json
from collections.abc import Mapping

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError

_SECONDS = 5


def list_engine_resources(
    docker_client: str, kind: str, environment: Mapping[str, str]
) -> frozenset[str]:
    """Return the names of the engine's networks or volumes, by `kind`: `network` or `volume`.

    Raises:
        ProbeError: the client cannot be started, or the engine does not answer.

    """
    command = [docker_client, kind, "ls", "--format", "{{.Name}}"]
    with Deadline(_SECONDS) as deadline:
        output = deadline.run(command, env=dict(environment))
    if output.exit_code:
        raise ProbeError(output.error_line)
    return frozenset(output.stdout.split())


def read_image_variables(
    docker_client: str, image: str, environment: Mapping[str, str]
) -> dict[str, str] | None:
    """Return the variables that an image sets; None if the engine does not have the image.

    Raises:
        ProbeError: the client cannot be started, or its answer is invalid.

    """
    command = [docker_client, "image", "inspect", "--format", "{{json .Config.Env}}", "--", image]
    with Deadline(_SECONDS) as deadline:
        output = deadline.run(command, env=dict(environment))
    if output.exit_code:
        return None
    try:
        lines: list[str] = json.loads(output.stdout) or []
        return dict(line.split("=", 1) for line in lines)
    except (ValueError, TypeError, AttributeError):
        raise ProbeError(f"`docker image inspect` answered {output.stdout[:40]!r}") from None
