"""Run the stack through `docker compose`: start it, wait until it is healthy, take it down."""

import contextlib
import os
import secrets
import shlex
import time
from collections.abc import Callable
from pathlib import Path

from python_on_whales import DockerClient
from python_on_whales.exceptions import DockerException

from infra.stack.containers import (
    POLL_SECONDS,
    asked,
    client,
    condition,
    containers,
    last_words,
    said,
)
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
    refuse_foreign_project(plan.project, state)
    ensure_pulled(plan.dragonfly.image, say=say, tick=tick)
    image = ensure_trainer_image(plan, ca_bundle, say=say, tick=tick)
    write_files(plan, state, trainer_image=image)
    say(f"Starting store and trainer as project {plan.project}.")
    stack = client(state, plan.project)
    try:
        stack.compose.up(detach=True, quiet=True)
    except DockerException as error:
        raise _did_not_start(stack, plan.project, error) from None
    _wait_until_healthy(stack, plan.project)


def write_files(plan: StackPlan, state: StateDir, *, trainer_image: str) -> None:
    """Write the Compose file and what it needs, so that `docker compose` alone can run it."""
    uid, gid = _container_user()
    _ensure_store_flags(state.store_flags, uid, gid)
    write_atomically(state.compose_file, render_compose(plan))
    variables = {
        "COMPOSE_PROJECT_NAME": plan.project,
        "QCA_TRAINER_IMAGE": trainer_image,
        "QCA_STORE_FLAGS": str(state.store_flags.resolve()),
        "QCA_UID": str(uid),
        "QCA_GID": str(gid),
    }
    write_atomically(state.env_file, "".join(f"{k}={v}\n" for k, v in variables.items()))


def copy_command(plan: StackPlan, state: StateDir) -> str:
    """Return the command that copies the run folder out of the volume."""
    source = f"trainer:{RUNS}/{plan.train.run}"
    return shlex.join(["docker", "compose", "-f", str(state.compose_file), "cp", source, "."])


def stop(project: str, state: StateDir, *, volumes: bool) -> None:
    """Remove the stack's containers and networks, and its volume if asked to.

    Raises:
        LaunchError: Compose could not remove them.

    """
    if not state.compose_file.exists():
        return  # interrupted before anything was started
    refuse_foreign_project(project, state)
    stack = client(state, project)
    asked(lambda: stack.compose.down(remove_orphans=True, volumes=volumes, quiet=True))


def refuse_foreign_project(project: str, state: StateDir) -> None:
    """Refuse a project name that another folder's stack uses: Compose would replace it.

    Raises:
        LaunchError: naming the other stack's file.

    """
    here = str(state.compose_file.resolve())
    label = f"com.docker.compose.project={project}"
    found = asked(lambda: DockerClient().container.list(all=True, filters=[("label", label)]))
    for container in found:
        other = (container.config.labels or {}).get("com.docker.compose.project.config_files", here)
        if other != here:
            raise LaunchError(
                f"the project name {project!r} is taken by the stack of {other}",
                hint="Give this one another name: --project NAME, or [stack] project in qca.toml.",
            )


def _container_user() -> tuple[int, int]:
    """Return as whom the containers run: the person, or Dragonfly's user for root."""
    if os.getuid() == 0:
        return DRAGONFLY_UID, DRAGONFLY_UID
    return os.getuid(), os.getgid()


def _ensure_store_flags(path: Path, uid: int, gid: int) -> None:
    # Compose mounts a file secret with the host's owner and mode (compose issue 9648), so
    # the file must belong to the user in the containers.
    if not path.exists():
        write_atomically(path, f"--requirepass={secrets.token_hex(32)}\n", mode=0o400)
        if os.getuid() == 0:
            os.chown(path, uid, gid)
    elif path.stat().st_mode & 0o077:
        raise InputError(
            f"{path}: others can read the store's password",
            hint=f"chmod 600 {path}, or remove it: a new one is made.",
        )


def _wait_until_healthy(stack: DockerClient, project: str) -> None:
    """Wait until the store is healthy, and the trainer too or already done."""
    deadline = time.monotonic() + _HEALTHY_SECONDS
    while True:
        states = {name: condition(found) for name, found in containers(stack).items()}
        if states.get("store") == "healthy" and states.get("trainer") in ("healthy", "done"):
            return
        for name, state in states.items():
            if state == "failed":
                raise _not_up(stack, project, f"{name} failed", name)
        if time.monotonic() > deadline:
            name = next((name for name, state in states.items() if state == "waiting"), "store")
            raise _not_up(stack, project, f"{name} is not healthy in time", name)
        time.sleep(POLL_SECONDS)


def _did_not_start(stack: DockerClient, project: str, error: DockerException) -> LaunchError:
    with contextlib.suppress(LaunchError):
        for name, found in containers(stack).items():
            if condition(found) == "failed" or found.state.status == "restarting":
                return _not_up(stack, project, f"{name} failed", name)
    return LaunchError(
        f"docker compose could not start the stack: {said(error)}",
        hint="`qca doctor` examines Docker and Compose.",
    )


def _not_up(stack: DockerClient, project: str, what: str, name: str) -> LaunchError:
    return LaunchError(
        f"the stack {project} did not come up: {what}.{last_words(stack, name)}",
        hint="`qca doctor` examines this host; `qca plan` shows the numbers and their reasons.",
    )
