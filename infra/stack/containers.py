"""Look at the stack's containers through `docker compose`: states, logs, the trainer's lines."""

import time
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from python_on_whales import DockerClient
from python_on_whales.exceptions import DockerException, NoSuchContainer

from infra.stack.state import StateDir
from qca.core.errors import LaunchError

T = TypeVar("T")

POLL_SECONDS = 0.5

# A sentence or two of a health check's output, which can be 4096 bytes.
_CHECK_CHARACTERS = 300

# `docker compose down` removes a stack's few containers one after the other; each can spoil
# a look once.
_LOOKS = 5

Condition = Literal["healthy", "waiting", "done", "failed"]


def client(state: StateDir, project: str) -> DockerClient:
    """Return a client for the stack of this state folder."""
    return DockerClient(
        compose_files=[state.compose_file],
        compose_project_name=project,
        compose_project_directory=state.root,
    )


def asked(ask: Callable[[], T]) -> T:
    """Return what docker answers; its refusal becomes a LaunchError in its own words."""
    try:
        return ask()
    except DockerException as error:
        raise LaunchError(said(error), hint="`qca doctor` examines Docker and Compose.") from None


def said(error: DockerException) -> str:
    """Return what docker wrote to its error stream, or the error itself.

    Without the Compose plugin the client takes `compose` for an unknown word and complains
    of the first flag after it, which helps nobody.
    """
    words = (error.stderr or str(error)).strip()
    if "compose" in error.docker_command and "Run 'docker --help'" in words:
        return "this docker client has no Compose V2 plugin (qca explain QCA201)"
    return words


def containers(stack: DockerClient) -> dict[str, Any]:
    """Return the stack's containers by service, stopped ones too."""
    return _looked_at(lambda: _containers(stack))


def _containers(stack: DockerClient) -> dict[str, Any]:
    return {
        (container.config.labels or {})["com.docker.compose.service"]: container
        for container in stack.compose.ps(all=True)
    }


def _looked_at(look: Callable[[], T]) -> T:
    """Return what is seen; looks again where a container went away while it was looked at."""
    for _ in range(_LOOKS - 1):
        try:
            return look()
        except NoSuchContainer:
            continue
        except DockerException:
            break
    return asked(look)


def condition(container: Any) -> Condition:
    """Return what a container's state and health come to."""
    state = container.state
    if state.status == "exited":
        return "done" if state.exit_code == 0 else "failed"
    health = state.health.status if state.health else "none"
    if health == "unhealthy" or state.status == "dead":
        return "failed"
    return "healthy" if health == "healthy" else "waiting"


def services(stack: DockerClient) -> list[dict[str, Any]]:
    """Return name, state, health and exit code of each of the stack's containers."""
    states = _looked_at(lambda: {name: one.state for name, one in _containers(stack).items()})
    return [
        {
            "name": name,
            "state": state.status,
            "health": _health(state),
            "exit_code": state.exit_code if state.status == "exited" else None,
        }
        for name, state in sorted(states.items())
    ]


def _health(state: Any) -> str | None:
    """Return the health of what runs; of what does not, the engine still has the last one."""
    return state.health.status if state.health and state.status == "running" else None


def last_words(stack: DockerClient, service: str) -> str:
    """Return the end of a service's log, and whether it was killed for its memory."""
    text = asked(lambda: stack.compose.logs(services=[service], tail="10", no_log_prefix=True))
    found = containers(stack).get(service)
    killed = found is not None and found.state.oom_killed
    note = " It was killed: it went over its memory limit." if killed else ""
    note += _failed_check(found)
    lines = "\n".join(f"  {line}" for line in str(text).strip().splitlines())
    return f"{note} Its last words:\n{lines or '  (none)'}"


def _failed_check(container: Any) -> str:
    """Return what a failing health check said; an image may lack what the check runs."""
    health = container.state.health if container is not None else None
    if health is None or not health.log or health.log[-1].exit_code == 0:
        return ""
    output = " ".join((health.log[-1].output or "").split())
    return f" Its health check said: {output[:_CHECK_CHARACTERS] or 'nothing'}."


def log_lines(
    stack: DockerClient, names: list[str], *, follow: bool, tail: int | None
) -> Iterator[str]:
    """Yield lines of the services' logs, each with the service's name."""
    last = None if tail is None else str(tail)
    return _stream(
        lambda: stack.compose.logs(services=names, follow=follow, tail=last, stream=True)
    )


def recent_trainer_lines(stack: DockerClient) -> list[str]:
    """Return the newest lines that the trainer wrote."""
    text = asked(lambda: stack.compose.logs(services=["trainer"], tail="20", no_log_prefix=True))
    return str(text).splitlines()


def trainer_lines(stack: DockerClient) -> Generator[str, None, None]:
    """Yield the lines that the trainer writes, from its start to its end.

    Raises:
        LaunchError: the trainer failed for good, or its container is gone.

    """
    while True:
        trainer = _trainer(stack)
        yield from _lines_since_start(stack, trainer)
        if not _is_started_again(stack, trainer.state.started_at):
            break
    exit_code = _trainer(stack).state.exit_code
    if exit_code != 0:
        raise LaunchError(
            f"the trainer ended with exit code {exit_code}.{last_words(stack, 'trainer')}",
            hint="The run's checkpoints are kept in its volume; `qca up` goes on from the last.",
        )


def copy_from_trainer(stack: DockerClient, source: str, destination: Path) -> None:
    """Copy a file out of the trainer's container, which need not run."""
    trainer = _trainer(stack)
    asked(lambda: stack.container.copy((trainer.id, source), destination))


def _trainer(stack: DockerClient) -> Any:
    found = containers(stack).get("trainer")
    if found is None:
        raise LaunchError(
            "the trainer's container is gone: somebody removed it",
            hint="The run is kept in its volume; `qca up` goes on from the last checkpoint.",
        )
    return found


def _lines_since_start(stack: DockerClient, trainer: Any) -> Iterator[str]:
    # Not through Compose, which puts lines of its own among them.
    since = trainer.state.started_at
    return _stream(lambda: stack.container.logs(trainer.id, follow=True, stream=True, since=since))


def _is_started_again(stack: DockerClient, started: datetime) -> bool:
    """Wait until the trainer has ended, or its restart policy has started it since `started`."""
    while (state := _trainer(stack).state).status not in ("exited", "dead"):
        if state.status == "running" and state.started_at != started:
            return True
        time.sleep(POLL_SECONDS)
    return False


def _stream(follow: Callable[[], Any]) -> Iterator[str]:
    try:
        for _, line in follow():
            yield line.decode(errors="replace").rstrip("\n")
    except DockerException as error:
        raise LaunchError(said(error), hint="`qca status` shows what runs.") from None
