"""Check that training is alive: `python -m qca.runs.health RUN_DIR`, a container's HEALTHCHECK.

Exits with 0 while the run's heartbeat is fresh, otherwise with 1 and a message.
Works without torch.
"""

import sys
import time
from pathlib import Path

# The trainer touches the heartbeat between steps, at most every two seconds. The longest pauses are
# a step of a large model on a slow CPU and a checkpoint on a slow disk.
STALE_AFTER = 60.0

HEARTBEAT = "heartbeat"
"""The name of the heartbeat in the run folder. It is defined here because importing `run_folder`
takes longer than the whole check."""


def find_fault(run: Path, now: float) -> str | None:
    """Return why the run in the folder `run` is unhealthy at `now` (Unix time); None if it is
    healthy."""
    try:
        age = now - (run / HEARTBEAT).stat().st_mtime
    except FileNotFoundError:
        return f"no training has started in {run}"
    except OSError as error:
        return f"{run}: {error.strerror}"
    if age > STALE_AFTER:
        return f"the last heartbeat in {run} was {age:.0f} s ago"
    return None


def main(arguments: list[str]) -> int:
    """Print the fault, if there is one, and return the exit code."""
    if len(arguments) != 1:
        print("usage: python -m qca.runs.health RUN_DIR", file=sys.stderr)
        return 2
    fault = find_fault(Path(arguments[0]), time.time())
    if fault is not None:
        print(fault)
    return 0 if fault is None else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
