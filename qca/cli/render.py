"""`qca render`: the file that runs the plan."""

import difflib
from pathlib import Path
from typing import Any

import click

from infra.stack.plan import plan as make_plan
from infra.stack.render import render_compose
from qca.cli.hosts import host_facts
from qca.cli.options import config_options, facts_option, read_config
from qca.config import Config
from qca.errors import InputError, QcaError
from qca.files import write_atomically


@click.group()
def render() -> None:
    """Write the file that runs the plan."""


@render.command()
@config_options("stack", "train")
@facts_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here, not to stdout.")
@click.option("--check", is_flag=True, help="Only compare with OUTPUT; exit 1 if it differs.")
def compose(
    config_file: Path | None,
    facts_file: Path | None,
    output: Path | None,
    check: bool,
    **flags: Any,
) -> None:
    """Write the Compose file of the plan, with the reason for each derived number."""
    if check and output is None:
        raise click.UsageError("--check needs -o FILE, the file to compare with")
    config = _for_containers(read_config(config_file, flags))
    text = render_compose(make_plan(host_facts(facts_file), config))
    if output is None:
        click.echo(text, nl=False)
    elif check:
        _compare(output, text)
    else:
        write_atomically(output, text)
        click.echo(f"Wrote {output}.", err=True)


def _for_containers(config: Config) -> Config:
    """Return the configuration for a file that is Compose's, whatever would run on this host."""
    return config.model_copy(
        update={"stack": config.stack.model_copy(update={"runtime": "compose"})}
    )


def _compare(file: Path, rendered: str) -> None:
    try:
        found = file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{file}: {error.strerror}", hint="Render it first, without --check."
        ) from None
    if found != rendered:
        lines = difflib.unified_diff(
            found.splitlines(), rendered.splitlines(), str(file), "rendered", lineterm=""
        )
        click.echo("\n".join(lines))
        raise QcaError(
            f"{file} is not what the plan renders", hint="Run the same command without --check."
        )
