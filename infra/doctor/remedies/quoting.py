"""Quote words of the commands that are printed."""

import shlex


def quote_path(path: str) -> str:
    """Quote a path for bash.

    In a recorded host's facts the home folder is `~`, which bash expands only without quotes.
    """
    return f"~/{shlex.quote(path[2:])}" if path.startswith("~/") else shlex.quote(path)
