"""Words of the commands that are printed."""

import shlex


def path(text: str) -> str:
    """Quote a path for bash.

    In a recorded host's facts the home folder is `~`, which only bash without quotes fills in.
    """
    return f"~/{shlex.quote(text[2:])}" if text.startswith("~/") else shlex.quote(text)
