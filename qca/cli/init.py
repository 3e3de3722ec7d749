"""`qca init`: write a commented `qca.toml`."""

from pathlib import Path

import click

from qca.cli.messages import note
from qca.core.atomic_files import create_parent, replace_file, write_error
from qca.core.config_loader import CONFIG_FILE
from qca.core.errors import InputError


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=CONFIG_FILE,
    show_default=True,
    help="Output file; an existing file is not overwritten.",
)
def init(output: Path) -> None:
    """Write a commented qca.toml with the most important keys.

    It changes nothing yet: every key is commented out, with its meaning and its default.
    """
    from qca.core.config_template import render_template

    if output.exists() or output.is_symlink():
        raise InputError(
            f"{output}: the file already exists and was not changed",
            hint="Write another file with -o FILE, and use it with -c FILE.",
        )
    try:
        create_parent(output)
        with replace_file(output) as unfinished:
            unfinished.write_text(render_template(), encoding="utf-8")
    except OSError as error:
        raise write_error(output, error) from None
    reading = "" if output == CONFIG_FILE else f" -c {output}"
    note(f"Wrote {output}.\nNext: qca plan{reading}, then qca up{reading}")
