"""`qca init`: a commented `qca.toml`."""

from pathlib import Path

import click

from qca.cli.messages import note
from qca.core.config_loader import CONFIG_FILE
from qca.core.errors import InputError


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=CONFIG_FILE,
    show_default=True,
    help="Write here; a file that is there is left alone.",
)
def init(output: Path) -> None:
    """Write a commented qca.toml with the keys that count.

    It sets nothing yet: every key stands there with its meaning and its default, behind a #.
    """
    from qca.core.config_template import render_template

    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(render_template())
    except FileExistsError:
        raise InputError(
            f"{output}: there is one already, and it stays as it is",
            hint="Write another one with -o FILE, and read it with -c FILE.",
        ) from None
    except OSError as error:
        raise InputError(
            f"{output}: cannot be written: {error.strerror}",
            hint="Check the folder and its permissions.",
        ) from None
    reading = "" if output == CONFIG_FILE else f" -c {output}"
    note(f"Wrote {output}.\nNext: qca plan{reading}, then qca up{reading}")
