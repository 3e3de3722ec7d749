"""Run a short script in a container, with the shell of its image."""

from collections.abc import Sequence
from dataclasses import replace

from infra.host.errors import ProbeError
from infra.stack.live.sandbox import (
    ContainerRefusedError,
    ContainerRequest,
    ContainerResult,
    Sandbox,
)

COMMAND_NOT_FOUND = 127
"""A shell's exit code for an unknown command (POSIX, "Exit Status for Commands")."""

# The container runtime's error for an image without the program.
NO_PROGRAM = "executable file not found"


def run_script(
    sandbox: Sandbox,
    request: ContainerRequest,
    script: str,
    arguments: Sequence[str],
    seconds: float,
) -> ContainerResult:
    """Run a script instead of the request's command.

    Raises:
        ContainerRefusedError: the engine did not start the container.
        ProbeError: the image has no shell, or the script did not end in time.

    """
    words = ["sh", "-c", script, "sh", *arguments]
    try:
        return sandbox.run(replace(request, entrypoint=words, command=[]), seconds)
    except ContainerRefusedError as error:
        if NO_PROGRAM in str(error):
            raise ProbeError(f"the image {request.image} has no shell") from None
        raise
