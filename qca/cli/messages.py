"""Write messages to stderr, without secrets or control characters."""

import os
from collections.abc import Collection

import click

from qca.cli.verbosity import is_quiet
from qca.core.masking import mask_secrets, select_secrets
from qca.core.visible import escape_invisible


def clean(text: str, secrets: Collection[str] = ()) -> str:
    """Return the text made safe to show; it may come from files and programs."""
    known = select_secrets(os.environ).union(secrets)
    return escape_invisible(mask_secrets(text, known))


def say(text: str, *, color: str | None = None, secrets: Collection[str] = ()) -> None:
    """Write a message to stderr."""
    click.secho(clean(text, secrets), fg=color, err=True)


def note(text: str) -> None:
    """Write a message about a result or a next step to stderr, unless `-q` is given."""
    if not is_quiet():
        say(text)
