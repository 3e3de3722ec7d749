"""The runs launched from this folder, each with a state folder of its own: `.qca/RUN`."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.stack.state import STATE_DIR, Launch, StateDir, check_parent, read_launch
from qca.core.errors import InputError, LaunchError


@dataclass(frozen=True)
class Launched:
    """A run that was launched, and its state folder."""

    launch: Launch
    state: StateDir


def list_states() -> dict[str, StateDir]:
    """Return the state folders here, by run; in some, nothing was launched yet.

    Raises:
        LaunchError: something else stands in their place.

    """
    check_parent(STATE_DIR)
    if not STATE_DIR.exists():
        return {}
    paths = sorted(path for path in STATE_DIR.iterdir() if path.is_symlink() or path.is_dir())
    return {path.name: StateDir(path) for path in paths}


def list_launched() -> dict[str, Launched]:
    """Return what was launched from this folder, by run.

    Raises:
        LaunchError: a state folder holds what `qca up` cannot have made.

    """
    found = {run: (read_launch(state), state) for run, state in list_states().items()}
    return {run: Launched(launch, state) for run, (launch, state) in found.items() if launch}


def find_launched(run: str | None) -> Launched:
    """Return the launched run of that name, or the only one.

    Raises:
        LaunchError: nothing was launched.
        InputError: the run was not, or there are several and none is named.

    """
    found = list_launched()
    if run is None and len(found) > 1:
        raise InputError(
            f"several runs were launched from this folder: {', '.join(found)}",
            hint="Name one of them.",
        )
    if run is not None and run not in found:
        known = f"Launched were: {', '.join(found)}." if found else "Start with `qca up`."
        raise InputError(f"the run {run!r} was not launched from this folder", hint=known)
    if not found:
        raise LaunchError(
            "nothing was launched from this folder, or it was taken down",
            hint="Start with `qca up`; `qca runs` lists the runs that are kept.",
        )
    return found[run] if run else next(iter(found.values()))


def choose_project(project: str, run: str, launched: Mapping[str, Launched]) -> str:
    """Return the Compose project of a run: one that no other run of this folder has."""
    second = f"{project}-{run}"
    own = launched.get(run)
    if own is not None and own.launch.project in (project, second):
        return own.launch.project
    taken = {one.launch.project for one in launched.values() if one.launch.runtime == "compose"}
    return second if project in taken else project
