"""The runs launched from this folder, each with a state folder of its own: `.qca/RUN`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.stack.launch_record import Launch, read_launch
from infra.stack.state import STATE_DIR, StateDir, check_state_folder
from infra.stack.state_lock import is_held
from qca.core.errors import InputError, LaunchError


class NothingLaunchedError(LaunchError):
    """No run was launched from this folder."""


@dataclass(frozen=True)
class Launched:
    """A run that was launched, and its state folder."""

    launch: Launch
    state: StateDir


@dataclass(frozen=True)
class LaunchedRuns:
    """What was launched from this folder, by run, and whose records cannot be read."""

    readable: Mapping[str, Launched] = field(default_factory=dict[str, Launched])
    damaged: Mapping[str, LaunchError] = field(default_factory=dict[str, LaunchError])
    """What was launched there, if anything, is unknown."""

    def list_names(self) -> list[str]:
        """Return all of them, in order."""
        return sorted({*self.readable, *self.damaged})

    def raise_damaged(self) -> None:
        """Raise what is wrong with the damaged records, if there are any.

        Raises:
            LaunchError: naming each.

        """
        raise_errors(list(self.damaged.values()))


def raise_errors(errors: Sequence[LaunchError]) -> None:
    """Raise what went wrong with some of several runs, if anything did.

    Raises:
        LaunchError: with all their messages, and each hint once.

    """
    if errors:
        hints = dict.fromkeys(error.hint for error in errors)
        raise LaunchError("\n".join(error.message for error in errors), hint="\n".join(hints))


def list_states() -> dict[str, StateDir]:
    """Return the state folders here, by run; in some, nothing was launched yet.

    Raises:
        LaunchError: something else stands in their place.

    """
    check_state_folder(STATE_DIR)
    if not STATE_DIR.exists():
        return {}
    paths = sorted(STATE_DIR.iterdir())
    for path in paths:
        if path.is_symlink():  # `qca up` makes none, whatever its name
            check_state_folder(path)
    return {path.name: StateDir(path) for path in paths if path.is_dir()}


def list_launched() -> LaunchedRuns:
    """Return what was launched from this folder; one damaged record leaves the others readable.

    Raises:
        LaunchError: something else stands in the place of the state folders.

    """
    readable: dict[str, Launched] = {}
    damaged: dict[str, LaunchError] = {}
    for run, state in list_states().items():
        try:
            launch = read_launch(state)
        except LaunchError as error:
            damaged[run] = error
            continue
        if launch is not None:
            readable[run] = Launched(launch, state)
    return LaunchedRuns(readable, damaged)


def find_launched(run: str | None) -> Launched:
    """Return the launched run of that name, or the only one.

    Raises:
        NothingLaunchedError: no run was launched.
        LaunchError: the run's record is damaged, or `qca up` is about to launch it.
        InputError: the run was not, or there are several and none is named.

    """
    found = list_launched()
    names = found.list_names()
    _refuse_early(run, names)
    if run is None and len(names) > 1:
        raise InputError(
            f"several runs were launched from this folder: {', '.join(names)}",
            hint="Name one of them.",
        )
    if run is not None and run not in names:
        known = f"Launched were: {', '.join(names)}." if names else "Start with `qca up`."
        raise InputError(f"the run {run!r} was not launched from this folder", hint=known)
    if not names:
        raise NothingLaunchedError(
            "nothing was launched from this folder, or it was taken down",
            hint="Start with `qca up`; `qca runs` lists the runs that are kept.",
        )
    wanted = run or names[0]
    if wanted in found.damaged:
        raise found.damaged[wanted]
    return found.readable[wanted]


def _refuse_early(run: str | None, launched: Sequence[str]) -> None:
    """Refuse to look at a run that a `qca up` is about to launch.

    Raises:
        LaunchError: naming it.

    """
    if run in launched or (run is None and launched):
        return
    states = list_states()
    for name, state in states.items() if run is None else [(run, states.get(run))]:
        if state is not None and is_held(state):
            raise LaunchError(
                f"`qca up` is still preparing the run {name}: it examines the host, or gets images",
                hint=f"Try again once it says that it starts; `qca down {name}` stops it.",
            )


def choose_project(project: str, run: str, launched: LaunchedRuns) -> str:
    """Return the Compose project of a run: one that no other run of this folder has.

    A damaged record may be that of a run with any of the names.
    """
    second = f"{project}-{run}"
    own = launched.readable.get(run)
    if own is not None and own.launch.project in (project, second):
        return own.launch.project
    stacks = launched.readable.values()
    taken = {one.launch.project for one in stacks if one.launch.runtime == "compose"}
    return second if project in taken or launched.damaged else project
