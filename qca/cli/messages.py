"""Messages on stderr: without secrets, and without characters that a terminal would obey."""

import os
from collections.abc import Collection

import click

from qca.cli.verbosity import is_quiet
from qca.core.masking import mask_secrets, select_secrets
from qca.core.visible import escape_invisible


def clean(text: str, secrets: Collection[str] = ()) -> str:
    """Return a text as it may be shown: what files and programs wrote may be in it."""
    known = select_secrets(os.environ).union(secrets)
    return escape_invisible(mask_secrets(text, known))


def say(text: str, *, color: str | None = None, secrets: Collection[str] = ()) -> None:
    """Write a message to stderr."""
    click.secho(clean(text, secrets), fg=color, err=True)


def note(text: str) -> None:
    """Write a message to stderr that `-q` leaves out: what was done, or what comes next."""
    if not is_quiet():
        say(text)
