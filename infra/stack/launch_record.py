"""Read and write the record of a launch in the run's state folder, `.qca/RUN/launch.json`."""

import json
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from infra.stack.state import StateFolder
from qca.core.atomic_files import write_atomically
from qca.core.config import Name
from qca.core.errors import LaunchError
from qca.core.frozen import frozen_dataclass
from qca.core.plain_files import read_plain
from qca.core.units import KIB

_LAUNCH_LIMIT = 64 * KIB

Count = Annotated[int, Field(ge=0, lt=2**63)]


@frozen_dataclass
class Launch:
    """The record of a launch, which is validated because it may come from another user."""

    runtime: Literal["compose", "local"]
    project: Name
    run: Name
    runs: str
    """The parent folder of the runs, for the user only; qca does not rely on it."""
    episodes: Count | None = None
    device: str | None = None
    predicted_peak_bytes: Count | None = None
    context_bytes: Count | None = None
    budget_bytes: Count | None = None
    """The plan's figures, from `episodes` on, for comparison; None in files from older versions."""
    gpus: tuple[str, ...] | None = None
    """The UUIDs of the planned GPUs; None if they are unknown."""
    host_bytes: Count | None = None
    """The planned host memory, in addition to the device's."""
    volume: str | None = None
    """The volume that holds the runs on a remote engine; None if they are in `runs`."""


_LAUNCH = TypeAdapter(Launch)


def write_launch(state: StateFolder, launch: Launch) -> None:
    """Record the launch; called before anything is started."""
    write_atomically(state.launch_file, json.dumps(vars(launch), indent=1) + "\n")


def read_launch(state: StateFolder) -> Launch | None:
    """Return the launch from this folder; None if nothing was launched.

    Raises:
        LaunchError: the file exists but is invalid.

    """
    state.check()
    try:
        text = read_plain(state.launch_file, limit=_LAUNCH_LIMIT, follow=False)
        return _require_own(_LAUNCH.validate_json(text), state)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise _unreadable_error(state, f"{where}: {first['msg']}") from None
    except OSError as error:
        raise _unreadable_error(state, str(error.strerror)) from None


def _require_own(launch: Launch, state: StateFolder) -> Launch:
    """Refuse the record of another run, because a command for one run must not affect another."""
    if launch.run != state.root.name:
        raise _unreadable_error(state, f"it belongs to the run {launch.run}")
    return launch


def _unreadable_error(state: StateFolder, why: str) -> LaunchError:
    return LaunchError(
        f"{state.launch_file} cannot be read: {why}",
        hint="`docker compose ls` shows what is running; remove the file to start over.",
    )
