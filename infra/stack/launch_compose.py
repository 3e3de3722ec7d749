"""Run the stack through `docker compose`: start it, and wait until it is healthy."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from infra.stack.compose_document import TRAINER_START_SECONDS
from infra.stack.container_logs import log_tail
from infra.stack.containers import POLL_SECONDS, Container, health_of, list_containers
from infra.stack.docker_client import make_stack_client
from infra.stack.docker_failures import STARTING
from infra.stack.engine_files import has_files_of, open_run, put_secret
from infra.stack.image import ensure_pulled, ensure_trainer_image, pin_digest
from infra.stack.plan import StackPlan
from infra.stack.process import run_streaming
from infra.stack.removal import refuse_foreign_project
from infra.stack.render_compose import render_compose
from infra.stack.run_storage import RunStorage
from infra.stack.secret import check_secret, ensure_secret
from infra.stack.services import STORE, TRAINER
from infra.stack.state import StateFolder
from qca.core.atomic_files import write_atomically
from qca.core.errors import LaunchError
from qca.core.frozen import frozen_dataclass


@frozen_dataclass
class Images:
    """The images of the containers."""

    store: str
    trainer: str


def prepare(
    plan: StackPlan,
    state: StateFolder,
    *,
    ca_bundle: Path | None,
    say: Callable[[str], None],
    tick: Callable[[str], None],
) -> Images:
    """Check that the stack can start, and get its images; leave a running stack alone.

    Raises:
        InputError: the password file in the state folder is unusable, or other users can read it.
        LaunchError: the project belongs to another folder, or an image is not available.

    """
    refuse_foreign_project(plan.project, state.compose_file)
    check_secret(state.store_flags)
    ensure_pulled(plan.dragonfly.image, say=say, tick=tick)
    trainer = ensure_trainer_image(plan, ca_bundle, say=say, tick=tick)
    refuse_foreign_project(plan.project, state.compose_file)  # a build can take minutes
    return Images(store=pin_digest(plan.dragonfly.image), trainer=trainer)


def settle_storage(
    planned: RunStorage, state: StateFolder, images: Images, project: str
) -> RunStorage:
    """Return the run's storage, which is a folder if the engine can access this machine's files."""
    is_here = has_files_of(state.root, images.store, project)
    return replace(planned, volume=None) if is_here else planned


def refuse_run_in_volume(volume: str, run: str, project: str) -> None:
    """Refuse to start a new run if an earlier version of qca kept one of this name in a volume.

    Raises:
        LaunchError: there is such a run; the hint says how to resume it.

    """
    with open_run(volume, run, project) as archive:
        if archive is not None:
            raise LaunchError(
                f"the run {run} is in the volume {volume}, where version 0.1.0 kept it",
                hint=f"`qca fetch {run}` copies it here, and `qca up` resumes it; "
                "--run NAME starts another.",
            )


def start(
    plan: StackPlan,
    state: StateFolder,
    images: Images,
    storage: RunStorage,
    folder: Path,
    *,
    say: Callable[[str], None],
) -> None:
    """Write the stack's files for the run in `folder`, start it, and wait until it is healthy.

    Raises:
        LaunchError: the stack did not start; the message names the service and has the end of its
            log.

    """
    write_files(plan, state, images, storage, folder)
    if storage.volume is not None:
        put_secret(state.store_flags, plan.project, images.store, storage.find_container_user())
    before = find_running_trainer(plan.project)
    say(describe_start(plan.project, before))
    try:
        _run_compose_up(plan.project, state)
    except LaunchError as error:
        raise _build_start_error(state, plan.project, error) from None
    if before is not None:
        say(describe_second_start(before, find_running_trainer(plan.project)))
    _wait_until_healthy(state, plan.project)


def find_running_trainer(project: str) -> Container | None:
    """Return the trainer's container if it is running."""
    trainer = list_containers(project).get(TRAINER)
    return trainer if trainer is not None and trainer.status == "running" else None


def describe_start(project: str, trainer: Container | None) -> str:
    """Return what happens to the stack, given its running trainer."""
    if trainer is None:
        return f"Starting the store and the trainer as project {project}."
    return f"Project {project} is running already; containers whose settings changed are replaced."


def describe_second_start(before: Container, now: Container | None) -> str:
    """Return what happened to a trainer that was running before."""
    if now is not None and (now.id, now.started_at) == (before.id, before.started_at):
        return "The trainer was already running with these settings, and continues."
    return "The trainer was replaced by one with the new settings, which resumes the run."


def write_files(
    plan: StackPlan, state: StateFolder, images: Images, storage: RunStorage, folder: Path
) -> None:
    """Write the Compose file and the files that it needs, so that `docker compose` alone can run
    it."""
    uid, gid = storage.find_container_user()
    ensure_secret(state.store_flags)
    pinned_plan = replace(plan, dragonfly=replace(plan.dragonfly, image=images.store))
    write_atomically(state.compose_file, render_compose(pinned_plan, storage))
    variables = {
        "COMPOSE_PROJECT_NAME": plan.project,
        "QCA_TRAINER_IMAGE": images.trainer,
        "QCA_UID": str(uid),
        "QCA_GID": str(gid),
    }
    if storage.volume is None:
        variables["QCA_STORE_FLAGS"] = str(state.store_flags.resolve())
        variables["QCA_RUN_FOLDER"] = str(folder.resolve())
    write_atomically(state.env_file, "".join(f"{k}={v}\n" for k, v in variables.items()))


def _wait_until_healthy(state: StateFolder, project: str) -> None:
    """Wait until the store is healthy, and the trainer is healthy or finished."""
    deadline = time.monotonic() + TRAINER_START_SECONDS
    while True:
        found = {name: health_of(container) for name, container in list_containers(project).items()}
        if found.get(STORE) == "healthy" and found.get(TRAINER) in ("healthy", "done"):
            return
        for name, health in found.items():
            if health == "failed":
                raise _build_not_up_error(state, project, f"{name} failed", name)
        if time.monotonic() > deadline:
            name = next((name for name, health in found.items() if health == "waiting"), STORE)
            raise _build_not_up_error(state, project, f"{name} was not healthy in time", name)
        time.sleep(POLL_SECONDS)


def _run_compose_up(project: str, state: StateFolder) -> None:
    # Compose gets its own process group, which is killed as a whole on an interruption: it must not
    # keep starting containers while the stack is taken down.
    place = [f"--project-name={project}", f"--project-directory={state.root}"]
    command = ["docker", "compose", f"--file={state.compose_file}", *place, "up", "--detach"]
    hint = "`qca doctor` examines Docker and Compose."
    run_streaming(command, tick=lambda _: None, hint=hint, causes=STARTING)


def _build_start_error(state: StateFolder, project: str, error: LaunchError) -> LaunchError:
    with contextlib.suppress(LaunchError):
        for name, container in list_containers(project).items():
            if health_of(container) == "failed" or container.status == "restarting":
                return _build_not_up_error(state, project, f"{name} failed", name)
    return error


def _build_not_up_error(state: StateFolder, project: str, what: str, name: str) -> LaunchError:
    log_end = log_tail(make_stack_client(state, project), name)
    return LaunchError(
        f"the stack {project} did not start: {what}.{log_end}",
        hint="`qca doctor` examines this host; `qca plan` shows the numbers and their reasons.",
    )
