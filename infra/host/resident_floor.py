"""What Python with the installed torch takes of a CPU's memory, measured once per torch build.

The figure is the peak resident set of a training whose tensors take nothing: the interpreter,
torch with its libraries, and all that `qca train` loads beside them. It differs twofold between
wheels of one torch version, so no figure that is shipped can be right for all.
"""

import os
import sys
from tempfile import TemporaryDirectory

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from qca.core.json_object import parse_object
from qca.memory.resident_floor import keep_resident_floor

# Loading torch from a slow disk takes most of it.
_SECONDS = 120.0
_SMALLEST = {
    "profile": "default",
    "device": "cpu",
    "grid": 4,
    "d-state": 1,
    "hidden-channels": 1,
    "steps": 2,
    "episodes": 2,
    "recompute": "step",
    "precision": "fp32",
    "optimizer-state": "device",
}


def measure_resident_floor() -> int:
    """Run the smallest training, keep the bytes that its process took, and return them.

    Raises:
        ProbeError: if it cannot be run, for example because torch is not installed.

    """
    with TemporaryDirectory(prefix="qca-resident-") as runs, Deadline(_SECONDS) as deadline:
        flags = [f"--{name}={value}" for name, value in _SMALLEST.items()]
        # The user's configuration is for another training.
        variables = {name: one for name, one in os.environ.items() if not name.startswith("QCA_")}
        output = deadline.run(
            [
                sys.executable,
                "-P",
                "-m",
                "qca",
                "train",
                f"--runs={runs}",
                "--progress=json",
                *flags,
            ],
            env=variables,
        )
    if output.exit_code != 0:
        raise ProbeError(f"the smallest training failed: {output.error_line}")
    found = max(map(_read_memory, output.stdout.splitlines()), default=0)
    if found == 0:
        raise ProbeError("the smallest training reported no memory")
    keep_resident_floor(found)
    return found


def _read_memory(line: str) -> int:
    """Return an episode's peak in bytes; 0 for any other line."""
    try:
        event = parse_object(line)
    except ValueError:  # what a library printed
        return 0
    memory = event.get("memory_bytes")
    return memory if event.get("event") == "episode" and isinstance(memory, int) else 0
