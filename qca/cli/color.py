"""Decide from the environment whether to use color; it does not look at the terminal."""

import os


def is_wanted() -> bool:
    """Return False if NO_COLOR is set (no-color.org) or the terminal has no color."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
