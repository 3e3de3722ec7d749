"""Decide whether to use color, from environment variables alone."""

import os


def is_wanted() -> bool:
    """Return False if NO_COLOR is set (no-color.org), or TERM names a terminal without color."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
