"""Never search for programs and modules relative to the current folder.

That folder may belong to another user. An empty entry or `.` in PATH or PYTHONPATH refers to it.
"""

import os
from collections.abc import MutableMapping


def drop_relative_folders(environment: MutableMapping[str, str]) -> None:
    """Keep only the absolute folders of PATH and PYTHONPATH, for this process and its children."""
    for name in ("PATH", "PYTHONPATH"):
        if name in environment:
            folders = environment[name].split(os.pathsep)
            environment[name] = os.pathsep.join(filter(os.path.isabs, folders))
