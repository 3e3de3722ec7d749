"""How the stack talks to Docker: the client, single commands, and errors in Docker's own words."""

import contextlib
import subprocess
from collections.abc import Iterator

from python_on_whales import DockerClient
from python_on_whales.exceptions import DockerException

from infra.stack.state import StateDir
from qca.core.errors import LaunchError

# A registry that is asked for sizes before a download of gigabytes may take this long.
_COMMAND_SECONDS = 15.0


def make_stack_client(state: StateDir, project: str) -> DockerClient:
    """Return a client for the stack of this state folder."""
    return DockerClient(
        compose_files=[state.compose_file],
        compose_project_name=project,
        compose_project_directory=state.root,
    )


def run_docker(*arguments: str) -> str | None:
    """Return what `docker ARGUMENTS` prints; None where it fails or takes too long."""
    try:
        done = subprocess.run(
            ["docker", *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


@contextlib.contextmanager
def translate_errors(hint: str = "`qca doctor` examines Docker and Compose.") -> Iterator[None]:
    """Raise what Docker refuses as a LaunchError in Docker's own words, with `hint`."""
    try:
        yield
    except DockerException as error:
        raise LaunchError(error_text(error), hint=hint) from None


def error_text(error: DockerException) -> str:
    """Return what docker wrote to its error stream, or the error itself.

    Without the Compose plugin docker takes `compose` for an unknown word and complains of the
    first flag after it, which does not name the cause.
    """
    text = (error.stderr or str(error)).strip()
    if "compose" in error.docker_command and "Run 'docker --help'" in text:
        return "this docker client has no Compose V2 plugin (qca explain QCA201)"
    return text
