"""Find the runs launched from this folder, each with its own state folder, `.qca/RUN`."""

from collections.abc import Mapping, Sequence
from dataclasses import field

from infra.stack.launch_record import Launch, read_launch
from infra.stack.state import STATE_FOLDER, StateFolder, check_state_folder
from infra.stack.state_lock import is_held
from qca.core.errors import InputError, LaunchError
from qca.core.frozen import frozen_dataclass


class NothingLaunchedError(LaunchError):
    """No run was launched from this folder."""


class SeveralLaunchedError(InputError):
    """Several runs were launched, and none is named."""


class NotLaunchedError(InputError):
    """The named run was not launched from this folder."""


@frozen_dataclass
class Launched:
    """A run that was launched, and its state folder."""

    launch: Launch
    state: StateFolder


@frozen_dataclass
class LaunchedRuns:
    """The runs that were launched from this folder, and those with unreadable records."""

    readable: Mapping[str, Launched] = field(default_factory=dict[str, Launched])
    damaged: Mapping[str, LaunchError] = field(default_factory=dict[str, LaunchError])
    """The errors of unreadable records, by run; it is unknown whether these runs were launched."""

    def list_names(self) -> list[str]:
        """Return the names of all runs, sorted."""
        return sorted({*self.readable, *self.damaged})


def raise_errors(errors: Sequence[LaunchError]) -> None:
    """Raise the errors of several runs as one, if there are any.

    Raises:
        LaunchError: it has all their messages, and each hint once.

    """
    if errors:
        hints = dict.fromkeys(error.hint for error in errors)
        raise LaunchError("\n".join(error.message for error in errors), hint="\n".join(hints))


def list_states() -> dict[str, StateFolder]:
    """Return the state folders here, by run, including those without a launch yet.

    Raises:
        LaunchError: the path of the state folders is not a folder of ours.

    """
    check_state_folder(STATE_FOLDER)
    if not STATE_FOLDER.exists():
        return {}
    paths = sorted(STATE_FOLDER.iterdir())
    for path in paths:
        if path.is_symlink():  # `qca up` never creates a link
            check_state_folder(path)
    return {path.name: StateFolder(path) for path in paths if path.is_dir()}


def list_launched() -> LaunchedRuns:
    """Return the launches from this folder; a damaged record does not hide the others.

    Raises:
        LaunchError: the path of the state folders is not a folder of ours.

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
    """Return the launched run with that name, or the only one.

    Raises:
        NothingLaunchedError: no run was launched.
        LaunchError: the run's record is damaged, or `qca up` is still preparing it.
        NotLaunchedError: the named run was not launched.
        SeveralLaunchedError: there are several, and none is named.

    """
    found = list_launched()
    names = found.list_names()
    _refuse_early(run, names)
    if run is None and len(names) > 1:
        raise SeveralLaunchedError(
            f"several runs were launched from this folder: {', '.join(names)}",
            hint="Name one of these runs.",
        )
    if run is not None and run not in names:
        known = f"Launched runs: {', '.join(names)}." if names else "Start with `qca up`."
        raise NotLaunchedError(f"the run {run!r} was not launched from this folder", hint=known)
    if not names:
        raise NothingLaunchedError(
            "nothing was launched from this folder, or it has been taken down",
            hint="Start with `qca up`, or go to the folder where you ran it; `qca runs` lists the "
            "runs that are kept.",
        )
    wanted = run or names[0]
    if wanted in found.damaged:
        raise found.damaged[wanted]
    return found.readable[wanted]


def _refuse_early(run: str | None, launched: Sequence[str]) -> None:
    """Refuse to access a run that a `qca up` is still preparing.

    Raises:
        LaunchError: there is such a run; the message names it.

    """
    if run in launched or (run is None and launched):
        return
    states = list_states()
    for name, state in states.items() if run is None else [(run, states.get(run))]:
        if state is not None and is_held(state):
            raise LaunchError(
                f"`qca up` is still preparing the run {name}: it examines the host or gets images",
                hint=f"Retry when it reports that the stack is starting; `qca down {name}` stops "
                f"it.",
            )


def choose_project(project: str, run: str, launched: LaunchedRuns) -> str:
    """Return the Compose project of a run, which no other run of this folder has.

    A run with a damaged record may have any of these names.
    """
    second = f"{project}-{run}"
    own = launched.readable.get(run)
    if own is not None and own.launch.project in (project, second):
        return own.launch.project
    stacks = launched.readable.values()
    taken = {stack.launch.project for stack in stacks if stack.launch.runtime == "compose"}
    return second if project in taken or launched.damaged else project
