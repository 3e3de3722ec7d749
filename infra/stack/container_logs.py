"""Read the logs of the stack's containers, and copy files from the trainer's."""

import time
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.stack.containers import POLL_SECONDS, Container, list_containers
from infra.stack.docker_client import translate_errors
from infra.stack.services import TRAINER
from qca.core.diagnostics import log_command
from qca.core.errors import LaunchError

if TYPE_CHECKING:
    from python_on_whales import DockerClient

# About two sentences; a health check's output can have 4096 bytes.
_CHECK_CHARACTERS = 300


def log_tail(stack: "DockerClient", service: str) -> str:
    """Return the end of a service's log, with a note on a memory kill or a failed health check."""
    text = _read_end(stack, service, lines=10)
    container = _list_containers(stack).get(service)
    note = _describe_failure(container) if container else ""
    lines = "\n".join(f"  {line}" for line in text.strip().splitlines())
    return f"{note} The end of its log:\n{lines or '  (none)'}"


def _describe_failure(container: Container) -> str:
    """Return a note on a memory kill, and the output of a failed health check."""
    killed = " It was killed because it exceeded its memory limit." if container.oom_killed else ""
    if container.failed_check is None:  # an image may lack the program of the check
        return killed
    output = " ".join(container.failed_check.split())[:_CHECK_CHARACTERS]
    return f"{killed} Its health check reported: {output or 'nothing'}."


def read_logs(
    stack: "DockerClient", names: list[str], *, follow: bool, tail: int | None
) -> Iterator[str]:
    """Yield the lines of the services' logs, each with the service's name."""
    last = None if tail is None else str(tail)
    return _decode_lines(
        lambda: stack.compose.logs(services=names, follow=follow, tail=last, stream=True)
    )


def read_recent_trainer_lines(stack: "DockerClient") -> list[str]:
    """Return the trainer's last lines."""
    return _read_end(stack, TRAINER, lines=20).splitlines()


def _read_end(stack: "DockerClient", service: str, *, lines: int) -> str:
    with translate_errors(), log_command(["docker", "compose", "logs", service]) as run:
        text = stack.compose.logs(services=[service], tail=str(lines), no_log_prefix=True)
        run.exit_code = 0  # a failure is raised instead
    return str(text)


def follow_trainer(stack: "DockerClient") -> Generator[str, None, None]:
    """Yield the lines that the trainer writes, from its start to its exit.

    Raises:
        LaunchError: the trainer failed and is not restarted, or its container was removed.

    """
    while True:
        trainer = _find_trainer(stack)
        yield from _read_lines_since_start(stack, trainer)
        if not _has_restarted(stack, trainer.started_at):
            break
    exit_code = _find_trainer(stack).exit_code
    if exit_code != 0:
        raise LaunchError(
            f"the trainer failed with exit code {exit_code}.{log_tail(stack, 'trainer')}",
            hint="The run is kept; `qca up` resumes from the last checkpoint.",
        )


def copy_from_trainer(stack: "DockerClient", source: str, destination: Path) -> None:
    """Copy a file out of the trainer's container, which need not be running."""
    trainer = _find_trainer(stack)
    with translate_errors():
        stack.container.copy((trainer.id, source), destination)


def _list_containers(stack: "DockerClient") -> dict[str, Container]:
    return list_containers(str(stack.client_config.compose_project_name))


def _find_trainer(stack: "DockerClient") -> Container:
    trainer = _list_containers(stack).get(TRAINER)
    if trainer is None:
        raise LaunchError(
            "the trainer's container was removed",
            hint="The run is kept; `qca up` resumes from the last checkpoint.",
        )
    return trainer


def _read_lines_since_start(stack: "DockerClient", trainer: Container) -> Iterator[str]:
    # Compose would mix its own lines with them.
    return _decode_lines(
        lambda: stack.container.logs(trainer.id, follow=True, stream=True, since=trainer.started_at)
    )


def _has_restarted(stack: "DockerClient", started: datetime) -> bool:
    """Wait until the trainer exits; return whether its restart policy restarted it."""
    while (trainer := _find_trainer(stack)).status not in ("exited", "dead"):
        if trainer.status == "running" and trainer.started_at != started:
            return True
        time.sleep(POLL_SECONDS)
    return False


def _decode_lines(follow: Callable[[], Any]) -> Iterator[str]:
    with translate_errors(hint="`qca status` shows what is running."):
        for _, line in follow():
            yield line.decode(errors="replace").rstrip("\n")
