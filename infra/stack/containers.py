"""List the stack's containers and their states."""

# docker-py has no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from infra.stack.docker_client import connect_engine
from infra.stack.services import ServiceStatus

POLL_SECONDS = 0.5

# Compose's labels; containers of `docker compose run` are not part of the stack.
PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
VOLUME_LABEL = "com.docker.compose.volume"
RUNS_ROLE, SECRET_ROLE = "runs", "secret"
# The label of volumes that qca itself created, since another application could have Compose's
# labels.
MADE_LABEL = "qca.volume"
"""Its value is `secret` for a volume with a store's password, and `runs` for a volume with runs."""
_STACK_LABELS = ("com.docker.compose.oneoff=False", SERVICE_LABEL)

Health = Literal["healthy", "waiting", "done", "failed"]


@dataclass(frozen=True, kw_only=True)
class Container:
    """The state of one of the stack's containers."""

    id: str
    service: str
    status: str
    """The engine's status: `created`, `running`, `restarting`, `exited`, `dead`, ..."""
    exit_code: int
    oom_killed: bool
    """Whether the kernel killed it for exceeding its memory limit."""
    started_at: datetime
    health: str | None
    """`starting`, `healthy` or `unhealthy`, from its last check; None if it has no health check."""
    failed_check: str | None
    """The output of the last health check, if that failed."""


def list_containers(project: str) -> dict[str, Container]:
    """Return a stack's containers by service, including stopped ones.

    Raises:
        LaunchError: the engine does not answer.

    """
    labels = [f"{PROJECT_LABEL}={project}", *_STACK_LABELS]
    return {container.service: container for container in _inspect_containers(labels)}


def health_of(container: Container) -> Health:
    """Return a container's overall health from its state and its health check."""
    if container.status == "exited":
        return "done" if container.exit_code == 0 else "failed"
    if container.health == "unhealthy" or container.status == "dead":
        return "failed"
    return "healthy" if container.health == "healthy" else "waiting"


def read_service_statuses(project: str) -> list[ServiceStatus]:
    """Return the status of each container of a stack, sorted by name."""
    return [
        ServiceStatus(
            name=name,
            state=container.status,
            # The engine keeps the last health of a container that is no longer running.
            health=container.health if container.status == "running" else None,
            exit_code=container.exit_code if container.status == "exited" else None,
        )
        for name, container in sorted(list_containers(project).items())
    ]


def _inspect_containers(labels: list[str]) -> Iterator[Container]:
    """Yield the containers with these labels, except those that are removed in the meantime."""
    from docker.errors import NotFound

    with connect_engine() as engine:
        for summary in engine.containers(all=True, filters={"label": labels}):
            try:
                yield parse_container(engine.inspect_container(summary["Id"]))
            except NotFound:
                continue


def parse_container(document: dict[str, Any]) -> Container:
    """Parse the engine's answer to `/containers/ID/json`."""
    state = document["State"]
    health: dict[str, Any] = state.get("Health") or {}
    checks: list[dict[str, Any]] = health.get("Log") or []
    return Container(
        id=document["Id"],
        service=document["Config"]["Labels"][SERVICE_LABEL],
        status=state["Status"],
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        started_at=datetime.fromisoformat(state["StartedAt"]),
        health=health.get("Status") or None,
        failed_check=(checks[-1]["Output"] or "") if checks and checks[-1]["ExitCode"] else None,
    )
