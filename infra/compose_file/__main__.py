"""`python -m infra.compose_file`: print a Compose project as this library reads it.

The output has the format of `docker compose config --format json`. If Compose would refuse the
files, the exit code is 2, and the message names the file and the line.
"""

import json
import os
from pathlib import Path

import click

from infra.compose_file.config_json import project_to_json
from infra.compose_file.default_files import find_default_files
from infra.compose_file.project import Project, read_project
from qca.core.errors import InputError

_REFUSED = 2


@click.command()
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A Compose file (repeatable; later files override earlier ones). Default: the files that "
    "Compose finds.",
)
@click.option("--profile", "profiles", multiple=True, help="A profile to activate; * for all.")
@click.option("--format", "_format", type=click.Choice(["json"]), default="json")
def main(files: tuple[Path, ...], profiles: tuple[str, ...], _format: str) -> None:
    """Print a Compose project as this library reads it."""
    try:
        project = read_project(_find_files(files), os.environ, profiles)
    except InputError as error:
        click.echo(error.message, err=True)
        raise SystemExit(_REFUSED) from None
    _report(project)
    click.echo(json.dumps(project_to_json(project), indent=2))


def _find_files(files: tuple[Path, ...]) -> tuple[Path, ...]:
    found = files or find_default_files(Path(), os.environ)
    if not found:
        raise InputError("no configuration file provided: not found")
    return found


def _report(project: Project) -> None:
    """Report the files that were not read; exit if Compose would refuse the project."""
    for unread in project.unread:
        click.echo(f"{unread.file}:{unread.line}: {unread.what}: {unread.why}", err=True)
    for refusal in project.refusals:
        click.echo(f"{refusal.file}:{refusal.line}: {refusal.message}", err=True)
    if project.refusals:
        raise SystemExit(_REFUSED)


if __name__ == "__main__":
    main()
