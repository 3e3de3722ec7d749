"""Inspect the files that the engine can access: folders of this machine, and named volumes.

It uses containers that are created but never started.
"""

# docker-py has no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
import contextlib
import io
import json
import tarfile
from collections.abc import Generator, Iterable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from infra.host.facts import MISSING_BIND_SOURCE
from infra.stack.compose_document import CONTAINER_RUNS, SECRETS, STORE_FLAGS
from infra.stack.containers import (
    MADE_LABEL,
    PROJECT_LABEL,
    SECRET_ROLE,
    VOLUME_LABEL,
    list_containers,
)
from infra.stack.docker_client import connect_engine
from infra.stack.run_storage import name_secret_volume
from infra.stack.services import TRAINER
from qca.core.atomic_files import make_temporary_folder

if TYPE_CHECKING:
    from docker import APIClient


def has_files_of(folder: Path, image: str, project: str) -> bool:
    """Return whether the engine can access this machine's `folder`; try it with a new subfolder.

    The engine's address does not show that: a socket may lead to another machine, and TCP to this
    one.

    Raises:
        LaunchError: the engine does not answer, or does not have the image.

    """
    from docker.errors import APIError

    with make_temporary_folder(folder) as marker, connect_engine() as engine:
        source = str(marker.resolve())
        mount = {"Type": "bind", "Source": source, "Target": CONTAINER_RUNS, "ReadOnly": True}
        try:
            with _create_container(engine, image, mount, project):
                return True
        except APIError as error:
            if error.status_code == 400 and MISSING_BIND_SOURCE in str(error.explanation):
                return False
            raise


def has_volume(volume: str) -> bool:
    """Return whether the engine has a volume of that name."""
    from docker.errors import NotFound

    with connect_engine() as engine:
        try:
            engine.inspect_volume(volume)
        except NotFound:
            return False
    return True


def ensure_volume(volume: str, project: str, role: str) -> None:
    """Ensure that a project's volume exists, with Compose's labels; `role` is its Compose key."""
    labels = {PROJECT_LABEL: project, VOLUME_LABEL: role, MADE_LABEL: role}
    with connect_engine() as engine:
        engine.create_volume(volume, labels=labels)


def put_secret(file: Path, project: str, image: str, owner: tuple[int, int]) -> None:
    """Copy the store's password file into the project's volume for it, readable only by `owner`.

    Raises:
        LaunchError: the engine does not answer, or does not have the image.

    """
    volume = name_secret_volume(project)
    ensure_volume(volume, project, SECRET_ROLE)
    archive = pack_secret(file, owner)
    mount = {"Type": "volume", "Source": volume, "Target": SECRETS}
    with connect_engine() as engine, _create_container(engine, image, mount, project) as container:
        engine.put_archive(container, SECRETS, archive)


def pack_secret(file: Path, owner: tuple[int, int]) -> bytes:
    """Return a tar archive of the store's password file, which only `owner` can read."""
    content = file.read_bytes()
    described = tarfile.TarInfo(PurePath(STORE_FLAGS).name)
    described.size, described.mode = len(content), 0o400
    described.uid, described.gid = owner
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(described, io.BytesIO(content))
    return archive.getvalue()


def measure_run(project: str, run: str) -> int | None:
    """Return a run's size in bytes, measured in its trainer's container; None if that is not
    running.

    Raises:
        LaunchError: the engine does not answer.

    """
    trainer = list_containers(project).get(TRAINER)
    if trainer is None or trainer.status != "running":
        return None
    with connect_engine() as engine:
        command = engine.exec_create(
            trainer.id, ["du", "-sb", f"{CONTAINER_RUNS}/{run}"], stderr=False
        )
        answer = engine.exec_start(command["Id"]).split()
    return int(answer[0]) if answer and answer[0].isdigit() else None


@contextlib.contextmanager
def open_run(volume: str, run: str, project: str) -> Generator[Iterable[bytes] | None]:
    """Yield the tar archive of a run in a volume; its trainer need not be running.

    Yields None if the volume does not contain the run or does not exist.

    Raises:
        LaunchError: the engine does not answer.

    """
    from docker.errors import NotFound

    if not has_volume(volume):
        yield None
        return
    mount = {"Type": "volume", "Source": volume, "Target": CONTAINER_RUNS, "ReadOnly": True}
    with (
        connect_engine() as engine,
        _import_empty_image(engine) as image,
        _create_container(engine, image, mount, project) as container,
    ):
        try:
            chunks, _ = engine.get_archive(container, f"{CONTAINER_RUNS}/{run}")
        except NotFound:
            chunks = None
        yield chunks


@contextlib.contextmanager
def _import_empty_image(engine: "APIClient") -> Generator[str]:
    """Yield an image without files, so that the engine needs no other image."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w"):
        pass
    answer = engine.import_image_from_data(archive.getvalue())
    image = json.loads(answer.splitlines()[-1])["status"]
    try:
        yield image
    finally:
        engine.remove_image(image)


@contextlib.contextmanager
def _create_container(
    engine: "APIClient", image: str, mount: dict[str, Any], project: str
) -> Generator[str]:
    """Yield a container, labeled so that `qca down` removes it if this program is killed."""
    config = engine.create_host_config(mounts=[mount], network_mode="none")
    labels = {PROJECT_LABEL: project}
    container = engine.create_container(image, ["-"], host_config=config, labels=labels)["Id"]
    try:
        yield container
    finally:
        engine.remove_container(container, v=True)  # including the volumes that its image declares
