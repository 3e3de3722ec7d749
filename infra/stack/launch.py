"""Run the stack through `docker compose`: start, wait until healthy, follow, take down."""

import contextlib
import os
import secrets
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from python_on_whales import DockerClient
from python_on_whales.exceptions import DockerException

from infra.stack.document import RUNS
from infra.stack.image import ensure_pulled, ensure_trainer_image
from infra.stack.plan import StackPlan
from infra.stack.render import render_compose
from infra.stack.state import StateDir
from qca.errors import InputError, LaunchError
from qca.files import write_atomically

# Dragonfly's own user in its image; root must not run the containers itself.
DRAGONFLY_UID = 999

# Importing torch from a cold disk takes a minute on a laptop; a first step of the real
# configuration on two cores takes seconds more.
_HEALTHY_SECONDS = 300.0
_POLL_SECONDS = 0.5

_DOCS = "`docker compose -p {project} ps -a` shows the containers; `qca doctor` examines the host."


def start(
    plan: StackPlan,
    state: StateDir,
    *,
    ca_bundle: Path | None,
    say: Callable[[str], None],
    tick: Callable[[str], None],
) -> None:
    """Write the stack's files, get its images and start it; return when it is healthy.

    Raises:
        InputError: the state folder holds a password file that others can read.
        LaunchError: the stack did not come up; the message says which part and what it said.

    """
    _refuse_foreign_project(plan.project, state)
    ensure_pulled(plan.dragonfly.image, say=say, tick=tick)
    image = ensure_trainer_image(plan, ca_bundle, say=say, tick=tick)
    write_files(plan, state, trainer_image=image)
    say(f"Starting store and trainer as project {plan.project}.")
    client = _client(state, plan.project)
    try:
        client.compose.up(detach=True, quiet=True)
    except DockerException as error:
        raise _did_not_start(client, plan.project, error) from None
    _wait_until_healthy(client, plan.project)


def write_files(plan: StackPlan, state: StateDir, *, trainer_image: str) -> None:
    """Write the Compose file and what it needs: everything `docker compose` needs to run it."""
    uid, gid = _container_user()
    _write_store_flags(state.store_flags, uid, gid)
    write_atomically(state.compose_file, render_compose(plan))
    variables = {
        "COMPOSE_PROJECT_NAME": plan.project,
        "QCA_TRAINER_IMAGE": trainer_image,
        "QCA_STORE_FLAGS": str(state.store_flags.resolve()),
        "QCA_UID": str(uid),
        "QCA_GID": str(gid),
    }
    write_atomically(state.env_file, "".join(f"{k}={v}\n" for k, v in variables.items()))


def follow(project: str, state: StateDir) -> Iterator[str]:
    """Yield the lines that the trainer writes, from its start to its end.

    Raises:
        LaunchError: the trainer failed for good.

    """
    client = _client(state, project)
    while True:
        trainer = _containers(client).get("trainer")
        if trainer is None:
            raise LaunchError("the trainer's container is gone", hint=_DOCS.format(project=project))
        yield from _lines(client, since=trainer.state.started_at)
        if not _is_coming_back(client):
            break
    exit_code = _containers(client)["trainer"].state.exit_code
    if exit_code != 0:
        raise LaunchError(
            f"the trainer ended with exit code {exit_code}{_memory_limit_note(client)}. "
            f"Its last words:\n{_tail(client, 'trainer')}",
            hint="The run's checkpoints are kept in its volume; `qca up` goes on from the last.",
        )


def copy_command(plan: StackPlan, state: StateDir) -> str:
    """Return the command that copies the run folder out of the volume."""
    source = f"trainer:{RUNS}/{plan.train.run}"
    return shlex.join(["docker", "compose", "-f", str(state.compose_file), "cp", source, "."])


def services(project: str, state: StateDir) -> list[dict[str, Any]]:
    """Return name, state, health and exit code of each of the stack's containers."""
    return [
        {
            "name": name,
            "state": container.state.status,
            "health": container.state.health.status if container.state.health else None,
            "exit_code": container.state.exit_code,
        }
        for name, container in sorted(_containers(_client(state, project)).items())
    ]


def logs(
    project: str, state: StateDir, *, names: list[str], follow_: bool, tail: str | None
) -> Iterator[str]:
    """Yield lines of the services' logs."""
    try:
        stream = _client(state, project).compose.logs(
            services=names, follow=follow_, tail=tail, stream=True
        )
        for _, line in stream:
            yield line.decode(errors="replace").rstrip("\n")
    except DockerException as error:
        raise LaunchError(_said(error), hint=_DOCS.format(project=project)) from None


def stop(project: str, state: StateDir, *, volumes: bool) -> None:
    """Remove the stack's containers and networks, and its volume if asked to.

    Raises:
        LaunchError: Compose could not remove them.

    """
    _refuse_foreign_project(project, state)
    try:
        _client(state, project).compose.down(remove_orphans=True, volumes=volumes, quiet=True)
    except DockerException as error:
        raise LaunchError(
            f"docker compose could not take the stack down: {_said(error)}",
            hint="Is the Docker daemon running? `qca doctor` says.",
        ) from None


def _client(state: StateDir, project: str) -> DockerClient:
    return DockerClient(
        compose_files=[state.compose_file],
        compose_project_name=project,
        compose_project_directory=state.root,
    )


def _container_user() -> tuple[int, int]:
    """Return as whom the containers run: the person, or Dragonfly's user for root."""
    if os.getuid() == 0:
        return DRAGONFLY_UID, DRAGONFLY_UID
    return os.getuid(), os.getgid()


def _write_store_flags(path: Path, uid: int, gid: int) -> None:
    # Compose mounts a file secret with the host's owner and mode (compose issue 9648), so
    # the file must belong to the user in the containers.
    if path.exists():
        if path.stat().st_mode & 0o077:
            raise InputError(
                f"{path}: others can read the store's password",
                hint=f"chmod 600 {path}, or remove it: a new one is made.",
            )
        return
    write_atomically(path, f"--requirepass={secrets.token_hex(32)}\n", mode=0o400)
    if os.getuid() == 0:
        os.chown(path, uid, gid)


def _refuse_foreign_project(project: str, state: StateDir) -> None:
    """Refuse a project name that another folder's stack uses: Compose would replace it."""
    here = str(state.compose_file.resolve())
    filters = [("label", f"com.docker.compose.project={project}")]
    try:
        found = DockerClient().container.list(all=True, filters=filters)
        for container in found:
            labels = container.config.labels or {}
            other = labels.get("com.docker.compose.project.config_files", here)
            if other != here:
                raise LaunchError(
                    f"the project name {project!r} is used by {other}",
                    hint="Set another [stack] project in qca.toml (or QCA_STACK_PROJECT).",
                )
    except DockerException as error:
        raise LaunchError(_said(error), hint="`qca doctor` examines the daemon.") from None


def _containers(client: DockerClient) -> dict[str, Any]:
    try:
        return {
            (container.config.labels or {})["com.docker.compose.service"]: container
            for container in client.compose.ps(all=True)
        }
    except DockerException as error:
        raise LaunchError(_said(error), hint="`qca doctor` examines the daemon.") from None


def _wait_until_healthy(client: DockerClient, project: str) -> None:
    """Wait until the store is healthy, and the trainer too or already done."""
    deadline = time.monotonic() + _HEALTHY_SECONDS
    while time.monotonic() < deadline:
        containers = _containers(client)
        states = {name: _condition(container) for name, container in containers.items()}
        if states.get("store") == "healthy" and states.get("trainer") in ("healthy", "done"):
            return
        broken = [name for name, condition in states.items() if condition == "failed"]
        if broken:
            raise _failed(client, project, broken[0])
        time.sleep(_POLL_SECONDS)
    waiting = [name for name, condition in states.items() if condition == "waiting"]
    raise _failed(client, project, waiting[0], f" not healthy after {_HEALTHY_SECONDS:.0f} s")


def _condition(container: Any) -> str:
    state = container.state
    if state.status == "exited":
        return "done" if state.exit_code == 0 else "failed"
    health = state.health.status if state.health else "none"
    if health == "unhealthy" or state.status == "dead":
        return "failed"
    return "healthy" if health == "healthy" else "waiting"


def _failed(client: DockerClient, project: str, name: str, why: str = " failed") -> LaunchError:
    return LaunchError(
        f"{name}{why}{_memory_limit_note(client, name)}. Its last words:\n{_tail(client, name)}",
        hint=_DOCS.format(project=project),
    )


def _did_not_start(client: DockerClient, project: str, error: DockerException) -> LaunchError:
    with contextlib.suppress(LaunchError, DockerException):
        for name, container in _containers(client).items():
            if _condition(container) == "failed" or container.state.status == "restarting":
                return _failed(client, project, name)
    return LaunchError(
        f"docker compose could not start the stack: {_said(error)}",
        hint=_DOCS.format(project=project),
    )


def _memory_limit_note(client: DockerClient, name: str = "trainer") -> str:
    container = _containers(client).get(name)
    killed = container is not None and container.state.oom_killed
    return " (killed: it went over its memory limit)" if killed else ""


def _tail(client: DockerClient, name: str) -> str:
    text = client.compose.logs(services=[name], tail="10", no_log_prefix=True)
    return "\n".join(f"  {line}" for line in str(text).strip().splitlines())


def _lines(client: DockerClient, *, since: Any) -> Iterator[str]:
    stream = client.compose.logs(
        services=["trainer"],
        follow=True,
        stream=True,
        no_log_prefix=True,
        since=since.isoformat(),
    )
    try:
        for _, line in stream:
            yield line.decode(errors="replace").rstrip("\n")
    except DockerException as error:
        raise LaunchError(_said(error), hint="`qca status` shows what runs.") from None


def _is_coming_back(client: DockerClient) -> bool:
    """Whether the trainer runs on, or is about to be started again by its restart policy."""
    while (container := _containers(client).get("trainer")) is not None:
        if container.state.status == "restarting":
            time.sleep(_POLL_SECONDS)
            continue
        return container.state.status == "running"
    return False


def _said(error: DockerException) -> str:
    """Return what docker wrote to its error stream, or the error itself."""
    return (error.stderr or str(error)).strip()
