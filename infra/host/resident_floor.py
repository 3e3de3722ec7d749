"""What Python with the installed torch takes of a CPU's memory, measured once per torch build.

The figure is the peak resident set of a training whose tensors take nothing: the interpreter,
torch with its libraries, and all that `qca train` loads beside them. It differs twofold between
wheels of one torch version, so no figure that is shipped can be right for all.
"""

import json
import sys
from tempfile import TemporaryDirectory

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
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
            ]
        )
    if output.exit_code != 0:
        raise ProbeError(f"the smallest training failed: {output.error_line}")
    found = max(_read_memory(line) for line in output.stdout.splitlines())
    if found == 0:
        raise ProbeError("the smallest training reported no memory")
    keep_resident_floor(found)
    return found


def _read_memory(line: str) -> int:
    event = json.loads(line)
    return event["memory_bytes"] if event.get("event") == "episode" else 0
