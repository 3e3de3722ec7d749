"""Record the runs that `qca down` leaves in a volume, in `.qca/kept-runs.json`."""

import contextlib
import json
from collections.abc import Collection

from pydantic import TypeAdapter, ValidationError

from infra.stack.launch_record import Launch
from infra.stack.state import STATE_FOLDER, check_state_folder
from qca.core.atomic_files import write_atomically
from qca.core.errors import LaunchError
from qca.core.plain_files import read_plain
from qca.core.units import MIB

KEPT_RUNS = STATE_FOLDER / "kept-runs.json"
_KEPT_LIMIT = MIB
_LAUNCHES = TypeAdapter(list[Launch])


def read_kept_runs() -> list[Launch]:
    """Return the last launch of each run that was taken down and is kept in a volume.

    Raises:
        LaunchError: the record exists but is invalid.

    """
    check_state_folder(STATE_FOLDER)
    try:
        return _LAUNCHES.validate_json(read_plain(KEPT_RUNS, limit=_KEPT_LIMIT, follow=False))
    except FileNotFoundError:
        return []
    except (OSError, ValidationError) as error:
        problem = error.strerror if isinstance(error, OSError) else "not a record of runs"
        raise LaunchError(
            f"{KEPT_RUNS} cannot be read: {problem}",
            hint="Remove the file; `docker volume ls` shows the volumes, and `qca fetch RUN` "
            "copies a run from one.",
        ) from None


def keep_run(launch: Launch) -> None:
    """Record that the run of this launch is kept in its volume.

    Raises:
        LaunchError: the record is invalid or cannot be written.

    """
    others = [kept for kept in read_kept_runs() if _identify(kept) != _identify(launch)]
    _write([*others, launch])


def forget_volumes(volumes: Collection[str]) -> None:
    """Drop the runs of removed volumes from the record.

    Raises:
        LaunchError: the record is invalid or cannot be written.

    """
    kept = read_kept_runs()
    others = [launch for launch in kept if launch.volume not in volumes]
    if len(others) < len(kept):
        _write(others)


def _identify(launch: Launch) -> tuple[str, str | None]:
    return launch.run, launch.volume


def _write(launches: list[Launch]) -> None:
    if launches:
        write_atomically(
            KEPT_RUNS, json.dumps([vars(launch) for launch in launches], indent=1) + "\n"
        )
        return
    KEPT_RUNS.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it has other files
        STATE_FOLDER.rmdir()
