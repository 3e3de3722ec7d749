"""Whether the environment asks for color; whether there is a terminal is another question."""

import os


def is_wanted() -> bool:
    """Return False where NO_COLOR is set (no-color.org) or the terminal has none."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
