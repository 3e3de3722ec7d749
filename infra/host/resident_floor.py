"""Measure the host memory that Python needs with the installed torch, once per torch build.

The figure is the peak resident set of a training run with negligible tensors: the interpreter,
torch with its libraries, and everything else that `qca train` loads. It differs by a factor of two
between wheels of one torch version, so no constant fits all of them.
"""

import os
import sys
from tempfile import TemporaryDirectory

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from qca.core.config import TrainConfig
from qca.core.json_object import parse_object
from qca.core.train_flags import format_train_command
from qca.memory.resident_floor import keep_resident_floor

# Loading torch from a slow disk takes most of this time.
_SECONDS = 120.0
_SMALLEST = TrainConfig(
    profile="default",
    device="cpu",
    grid=4,
    d_state=1,
    hidden_channels=1,
    steps=2,
    episodes=2,
    recompute="step",
    precision="fp32",
    optimizer_state="device",
)


def measure_resident_floor() -> int:
    """Do the smallest training run, cache the peak memory of its process in bytes, and return it.

    Raises:
        ProbeError: training cannot be run, for example because torch is not installed.

    """
    with TemporaryDirectory(prefix="qca-resident-") as runs, Deadline(_SECONDS) as deadline:
        # The user's configuration must not apply to this run.
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith("QCA_")
        }
        command = [sys.executable, "-P", "-m", "qca", *format_train_command(_SMALLEST, runs=runs)]
        output = deadline.run(command, env=variables)
    if output.exit_code != 0:
        raise ProbeError(f"the smallest training run failed: {output.error_line}")
    found = max(map(_read_memory, output.stdout.splitlines()), default=0)
    if found == 0:
        raise ProbeError("the smallest training run reported no memory")
    keep_resident_floor(found)
    return found


def _read_memory(line: str) -> int:
    """Return an episode's peak in bytes; 0 for any other line."""
    try:
        event = parse_object(line)
    except ValueError:  # a library printed the line
        return 0
    memory = event.get("memory_bytes")
    return memory if event.get("event") == "episode" and isinstance(memory, int) else 0
