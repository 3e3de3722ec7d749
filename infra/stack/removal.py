"""Remove a project's resources, which are found through Compose's labels.

This requires neither the state folder nor the Compose file, and starts no program that Ctrl-C could
interrupt.
"""

# docker-py has no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.stack.compose_document import STORE_STOP_SECONDS, TRAINER_STOP_SECONDS
from infra.stack.containers import (
    MADE_LABEL,
    PROJECT_LABEL,
    RUNS_ROLE,
    SECRET_ROLE,
    SERVICE_LABEL,
    VOLUME_LABEL,
)
from infra.stack.docker_client import connect_engine
from infra.stack.services import STORE
from qca.core.errors import LaunchError

if TYPE_CHECKING:
    from docker import APIClient

_FILES_LABEL = f"{PROJECT_LABEL}.config_files"


class ForeignProjectError(LaunchError):
    """The project belongs to another folder."""


@dataclass(frozen=True, kw_only=True)
class Removed:
    """The resources of a project that were removed."""

    containers: int
    networks: int
    volumes: tuple[str, ...]
    kept_volumes: tuple[str, ...]

    def is_nothing(self) -> bool:
        """Return whether nothing was removed."""
        return not (self.containers or self.networks or self.volumes)


def remove_project(project: str, folder: Path, *, volumes: bool) -> Removed:
    """Remove a project's containers, networks and password, and also its runs if `volumes` is true.

    Its Compose file must be, or must have been, in `folder`.

    The trainer is stopped first, so that it writes a checkpoint and sends its last metrics to the
    store.

    Raises:
        LaunchError: the project belongs to another folder, or the engine refuses.

    """
    with connect_engine() as engine:
        containers = _list_containers(engine, project)
        refuse_foreign(containers, project, folder)
        for container in sorted(containers, key=_is_store):
            _remove_container(engine, container)
        networks = engine.networks(filters={"label": f"{PROJECT_LABEL}={project}"})
        for network in networks:
            engine.remove_network(network["Id"])
        secrets, names = _list_volumes(engine, project)
        for name in (*secrets, *(names if volumes else ())):
            engine.remove_volume(name)
    return Removed(
        containers=len(containers),
        networks=len(networks),
        volumes=names if volumes else (),
        kept_volumes=() if volumes else names,
    )


def list_remaining(project: str) -> list[str]:
    """Return the services of a project that still have a container.

    Raises:
        LaunchError: the engine does not answer.

    """
    with connect_engine() as engine:
        containers = _list_containers(engine, project)
    return sorted(container["Labels"].get(SERVICE_LABEL, "?") for container in containers)


def find_projects(folder: Path) -> list[str]:
    """Return the projects whose containers come from a Compose file in `folder`.

    Raises:
        LaunchError: the engine does not answer.

    """
    with connect_engine() as engine:
        containers = engine.containers(all=True, filters={"label": [PROJECT_LABEL, _FILES_LABEL]})
    labels = [container["Labels"] for container in containers]
    return sorted({own[PROJECT_LABEL] for own in labels if _is_from(own[_FILES_LABEL], folder)})


def refuse_foreign(containers: Sequence[dict[str, Any]], project: str, place: Path) -> None:
    """Refuse a project with a container from a Compose file outside `place`.

    Raises:
        LaunchError: there is such a container; the message names its file.

    """
    for container in containers:
        other = container["Labels"].get(_FILES_LABEL)
        if other is not None and not _is_from(other, place):
            raise ForeignProjectError(
                f"the project name {project!r} is taken by the stack of {other}",
                hint="Choose another name: --project NAME, or [stack] project in qca.toml.",
            )


def _is_from(compose_file: str, place: Path) -> bool:
    return Path(compose_file).is_relative_to(place.resolve())


def refuse_foreign_project(project: str, compose_file: Path) -> None:
    """Refuse a project name that another folder's stack uses: Compose would replace that stack.

    Raises:
        LaunchError: there is such a stack, and the message names its file; or the engine does not
            answer.

    """
    with connect_engine() as engine:
        refuse_foreign(_list_containers(engine, project), project, compose_file)


def _list_containers(engine: "APIClient", project: str) -> list[dict[str, Any]]:
    return engine.containers(all=True, filters={"label": f"{PROJECT_LABEL}={project}"})


def _list_volumes(engine: "APIClient", project: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the project's volumes with a password, and those with runs.

    Other volumes are omitted: without containers, the project may be another folder's application.
    """
    found = engine.volumes(filters={"label": f"{PROJECT_LABEL}={project}"})["Volumes"] or ()
    labels = {volume["Name"]: volume["Labels"] for volume in found}
    secrets = (name for name, own in labels.items() if own.get(MADE_LABEL) == SECRET_ROLE)
    runs = (name for name, own in labels.items() if own.get(VOLUME_LABEL) == RUNS_ROLE)
    return tuple(sorted(secrets)), tuple(sorted(runs))


def _is_store(container: dict[str, Any]) -> bool:
    return container["Labels"].get(SERVICE_LABEL) == STORE


def _remove_container(engine: "APIClient", container: dict[str, Any]) -> None:
    from docker.errors import NotFound

    seconds = STORE_STOP_SECONDS if _is_store(container) else TRAINER_STOP_SECONDS
    with contextlib.suppress(NotFound):  # it was already removed
        engine.stop(container["Id"], timeout=seconds)
        engine.remove_container(container["Id"], v=True, force=True)
