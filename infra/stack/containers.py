"""Look at the stack's containers through `docker compose`: states, logs, the trainer's lines."""

import time
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from python_on_whales import DockerClient
from python_on_whales.exceptions import DockerException, NoSuchContainer

from infra.stack.docker_client import translate_errors
from qca.core.errors import LaunchError

T = TypeVar("T")

POLL_SECONDS = 0.5

# A sentence or two of a health check's output, which can be 4096 bytes.
_CHECK_CHARACTERS = 300

# `docker compose down` removes a stack's few containers one after the other; each can spoil
# one reading.
_READ_ATTEMPTS = 5

Health = Literal["healthy", "waiting", "done", "failed"]


def list_containers(stack: DockerClient) -> dict[str, Any]:
    """Return the stack's containers by service, stopped ones too."""
    return _retry_vanished(lambda: _list_containers(stack))


def _list_containers(stack: DockerClient) -> dict[str, Any]:
    return {
        (container.config.labels or {})["com.docker.compose.service"]: container
        for container in stack.compose.ps(all=True)
    }


def _retry_vanished(read: Callable[[], T]) -> T:
    """Return what `read` returns; call it again where a container went away meanwhile."""
    for _ in range(_READ_ATTEMPTS - 1):
        try:
            return read()
        except NoSuchContainer:
            continue
        except DockerException:
            break
    with translate_errors():
        return read()


def health_of(container: Any) -> Health:
    """Return what a container's state and health come to."""
    state = container.state
    if state.status == "exited":
        return "done" if state.exit_code == 0 else "failed"
    health = state.health.status if state.health else "none"
    if health == "unhealthy" or state.status == "dead":
        return "failed"
    return "healthy" if health == "healthy" else "waiting"


def describe_services(stack: DockerClient) -> list[dict[str, Any]]:
    """Return name, state, health and exit code of each of the stack's containers."""
    states = _retry_vanished(
        lambda: {name: one.state for name, one in _list_containers(stack).items()}
    )
    return [
        {
            "name": name,
            "state": state.status,
            "health": _read_current_health(state),
            "exit_code": state.exit_code if state.status == "exited" else None,
        }
        for name, state in sorted(states.items())
    ]


def _read_current_health(state: Any) -> str | None:
    """Return the health of what runs; of what does not, the engine still has the last one."""
    return state.health.status if state.health and state.status == "running" else None


def log_tail(stack: DockerClient, service: str) -> str:
    """Return the end of a service's log, and whether it was killed for its memory."""
    with translate_errors():
        text = stack.compose.logs(services=[service], tail="10", no_log_prefix=True)
    container = list_containers(stack).get(service)
    killed = container is not None and container.state.oom_killed
    note = " It was killed: it went over its memory limit." if killed else ""
    note += _describe_failed_check(container)
    lines = "\n".join(f"  {line}" for line in str(text).strip().splitlines())
    return f"{note} Its last words:\n{lines or '  (none)'}"


def _describe_failed_check(container: Any) -> str:
    """Return what a failing health check said; an image may lack what the check runs."""
    health = container.state.health if container is not None else None
    if health is None or not health.log or health.log[-1].exit_code == 0:
        return ""
    output = " ".join((health.log[-1].output or "").split())
    return f" Its health check said: {output[:_CHECK_CHARACTERS] or 'nothing'}."


def read_logs(
    stack: DockerClient, names: list[str], *, follow: bool, tail: int | None
) -> Iterator[str]:
    """Yield lines of the services' logs, each with the service's name."""
    last = None if tail is None else str(tail)
    return _decode_lines(
        lambda: stack.compose.logs(services=names, follow=follow, tail=last, stream=True)
    )


def read_recent_trainer_lines(stack: DockerClient) -> list[str]:
    """Return the newest lines that the trainer wrote."""
    with translate_errors():
        text = stack.compose.logs(services=["trainer"], tail="20", no_log_prefix=True)
    return str(text).splitlines()


def follow_trainer(stack: DockerClient) -> Generator[str, None, None]:
    """Yield the lines that the trainer writes, from its start to its end.

    Raises:
        LaunchError: the trainer failed for good, or its container is gone.

    """
    while True:
        trainer = _find_trainer(stack)
        yield from _read_lines_since_start(stack, trainer)
        if not _has_restarted(stack, trainer.state.started_at):
            break
    exit_code = _find_trainer(stack).state.exit_code
    if exit_code != 0:
        raise LaunchError(
            f"the trainer ended with exit code {exit_code}.{log_tail(stack, 'trainer')}",
            hint="The run's checkpoints are kept in its volume; `qca up` goes on from the last.",
        )


def copy_from_trainer(stack: DockerClient, source: str, destination: Path) -> None:
    """Copy a file out of the trainer's container, which need not run."""
    trainer = _find_trainer(stack)
    with translate_errors():
        stack.container.copy((trainer.id, source), destination)


def _find_trainer(stack: DockerClient) -> Any:
    trainer = list_containers(stack).get("trainer")
    if trainer is None:
        raise LaunchError(
            "the trainer's container is gone: somebody removed it",
            hint="The run is kept in its volume; `qca up` goes on from the last checkpoint.",
        )
    return trainer


def _read_lines_since_start(stack: DockerClient, trainer: Any) -> Iterator[str]:
    # Not through Compose, which puts lines of its own among them.
    since = trainer.state.started_at
    return _decode_lines(
        lambda: stack.container.logs(trainer.id, follow=True, stream=True, since=since)
    )


def _has_restarted(stack: DockerClient, started: datetime) -> bool:
    """Wait until the trainer has ended, or its restart policy has started it since `started`."""
    while (state := _find_trainer(stack).state).status not in ("exited", "dead"):
        if state.status == "running" and state.started_at != started:
            return True
        time.sleep(POLL_SECONDS)
    return False


def _decode_lines(follow: Callable[[], Any]) -> Iterator[str]:
    with translate_errors(hint="`qca status` shows what runs."):
        for _, line in follow():
            yield line.decode(errors="replace").rstrip("\n")
