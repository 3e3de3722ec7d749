"""Where programs and modules are looked for: never relative to the folder that qca is called in.

That folder may be somebody else's, and an empty entry or `.` in PATH or PYTHONPATH stands for it.
"""

import os
from collections.abc import MutableMapping


def drop_relative_folders(environment: MutableMapping[str, str]) -> None:
    """Keep the absolute folders of PATH and PYTHONPATH alone, for us and for what we start."""
    for name in ("PATH", "PYTHONPATH"):
        if name in environment:
            folders = environment[name].split(os.pathsep)
            environment[name] = os.pathsep.join(filter(os.path.isabs, folders))
