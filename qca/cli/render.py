"""`qca render`: write a Compose file or Kubernetes manifests for the plan."""

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from infra.host.facts import HostFacts
from infra.host.image_names import TRAINER_REPOSITORY
from infra.stack.plan import StackPlan, plan_stack
from qca.cli.host_facts import host_facts
from qca.cli.messages import note
from qca.cli.options import Command, config_options, facts_option, read_config
from qca.cli.suggestions import SuggestingGroup
from qca.core.atomic_files import write_atomically
from qca.core.config import Config
from qca.core.distribution import read_version
from qca.core.errors import InputError, QcaError
from qca.core.plain_files import read_plain
from qca.core.units import MIB


@click.group(cls=SuggestingGroup)
def render() -> None:
    """Write a Compose file or Kubernetes manifests for the plan."""


def _file_options(command: Command) -> Command:
    """Add the options that both commands share: configuration, host and output."""
    for option in (
        click.option(
            "--check",
            is_flag=True,
            help="Only compare with the output file; exit with 1 if it differs.",
        ),
        click.option(
            "-o",
            "--output",
            type=click.Path(path_type=Path),
            help="Output file, instead of stdout.",
        ),
        facts_option,
        config_options("stack", "train"),
    ):
        command = option(command)
    return command


@render.command()
@_file_options
def compose(
    config_file: Path | None,
    facts_file: Path | None,
    output: Path | None,
    check: bool,
    **flags: Any,
) -> None:
    """Write the Compose file of the plan, with the reason for each derived number."""
    from infra.stack.render_compose import render_compose
    from infra.stack.run_storage import plan_storage

    _require_output(output, check)
    facts, plan = _make_plan(config_file, facts_file, flags)
    text = render_compose(plan, plan_storage(facts, plan.project))
    _write_or_compare(text, output, check=check)


@render.command()
@click.option(
    "--nodes",
    type=click.IntRange(min=1, max=999),
    default=1,
    show_default=True,
    help="Number of machines that train one model together, one pod each.",
)
@click.option(
    "--trainer-image",
    default=f"{TRAINER_REPOSITORY}:{read_version()}",
    show_default=True,
    help=f"The trainer image that the nodes pull, such as REGISTRY/{TRAINER_REPOSITORY}:1.",
)
@_file_options
def kubernetes(
    config_file: Path | None,
    facts_file: Path | None,
    output: Path | None,
    check: bool,
    nodes: int,
    trainer_image: str,
    **flags: Any,
) -> None:
    """Write the plan's Kubernetes manifests, with the reason for each number.

    The plan is made for the examined machine: run `qca doctor --record` on a node, and pass the
    file with --facts. The cluster itself is not contacted. The comment at the top of the file says
    how to apply it.
    """
    from infra.stack.render_kubernetes import render_kubernetes

    _require_output(output, check)
    _, plan = _make_plan(config_file, facts_file, flags)
    text = render_kubernetes(plan, nodes=nodes, trainer_image=trainer_image)
    _write_or_compare(text, output, check=check)


def _require_output(output: Path | None, check: bool) -> None:
    if check and output is None:
        raise click.UsageError("--check needs -o FILE, the file to compare with")


def _make_plan(
    config_file: Path | None, facts_file: Path | None, flags: dict[str, Any]
) -> tuple[HostFacts, StackPlan]:
    config = _set_compose_runtime(read_config(config_file, flags))
    facts = host_facts(facts_file)
    return facts, plan_stack(facts, config)


def _write_or_compare(text: str, output: Path | None, *, check: bool) -> None:
    if output is None:
        click.echo(text, nl=False)
    elif check:
        _compare(output, text)
    else:
        write_atomically(output, text)
        note(f"Wrote {output}.")


def _set_compose_runtime(config: Config) -> Config:
    """Return the configuration with the runtime `compose`, regardless of this host."""
    return replace(config, stack=config.stack.override(runtime="compose"))


def _compare(file: Path, rendered: str) -> None:
    try:
        existing = read_plain(file, limit=MIB).decode(errors="replace")
    except OSError as error:
        raise InputError(
            f"{file}: {error.strerror}", hint="Render it first, without --check."
        ) from None
    if existing != rendered:
        lines = difflib.unified_diff(
            existing.splitlines(), rendered.splitlines(), str(file), "rendered", lineterm=""
        )
        click.echo("\n".join(lines))
        raise QcaError(
            f"{file} differs from the plan", hint="Run the same command without --check."
        )
