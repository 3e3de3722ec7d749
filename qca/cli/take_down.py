"""Take a stack down, or report what is still running and how to stop it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from infra.stack.state import STATE_FOLDER
from qca.cli.signals import Terminated, ignore_signals
from qca.core.errors import LaunchError

if TYPE_CHECKING:
    from infra.stack.removal import Removed


def take_down(
    project: str, *, volumes: bool, command: str, say: Callable[[str], None]
) -> "Removed":
    """Remove the stack and return what was removed.

    If interrupted, report what is left, and that `command` removes it.

    Raises:
        LaunchError: the engine refuses, or the project belongs to another folder.

    """
    from infra.stack.removal import remove_project

    try:
        return remove_project(project, STATE_FOLDER, volumes=volumes)
    except (KeyboardInterrupt, Terminated):
        with ignore_signals():
            say(_describe_remains(project, command))
        raise


def _describe_remains(project: str, command: str) -> str:
    from infra.stack.removal import list_remaining

    try:
        services = list_remaining(project)
    except LaunchError as error:
        unknown = f"Cannot determine which containers of {project} are left"
        return f"{unknown}: {error}. `{command}` removes them."
    if not services:
        return f"No container of the stack {project} is left."
    names = ", ".join(services)
    return f"Some containers of the stack {project} are left: {names}. `{command}` removes them."
