"""The networks and volumes that the engine has, by their names; nothing is created."""

from collections.abc import Mapping

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError

_SECONDS = 5


def list_engine_resources(
    docker_client: str, kind: str, environment: Mapping[str, str]
) -> frozenset[str]:
    """Return the names of the engine's networks or volumes, by the `kind`: `network`, `volume`.

    Raises:
        ProbeError: the client cannot be started, or the engine does not answer.

    """
    command = [docker_client, kind, "ls", "--format", "{{.Name}}"]
    with Deadline(_SECONDS) as deadline:
        output = deadline.run(command, env=dict(environment))
    if output.exit_code:
        raise ProbeError(output.error_line)
    return frozenset(output.stdout.split())
