"""`qca report`: one self-contained HTML page about a run."""

from datetime import UTC, datetime
from pathlib import Path

import click

from qca.cli.host_facts import host_facts
from qca.cli.options import facts_option, runs_option
from qca.core.atomic_files import write_atomically
from qca.core.config_loader import load_config
from qca.core.distribution import explain_install
from qca.core.errors import LaunchError


@click.command()
@click.argument("run")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write here.  [default: report.html in the run folder]",
)
@runs_option
@click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Configuration file, for its [stack] table.  [default: qca.toml if it is there]",
)
@facts_option
def report(
    run: str, output: Path | None, runs: Path, config_file: Path | None, facts_file: Path | None
) -> None:
    """Write one self-contained HTML page about a run.

    RUN is its name, or the path of its folder. The page has the run's curves, its memory
    against the plan, pictures of the state, the plan with its reasons, and what qca doctor says
    of this host. It loads nothing from a network, and names of persons and machines are taken
    out of it.
    """
    try:
        from qca.cli.report_data import describe_host
        from qca.report.page import render_page
        from qca.runs.run import find_run, read_run
    except ModuleNotFoundError as error:
        raise LaunchError(
            f"the report needs {error.name}, which is not installed here",
            hint=explain_install("report"),
        ) from None
    folder = find_run(run, runs)
    recorded_run, config = read_run(folder), load_config(config_file)
    if facts_file is None:
        click.echo("Examining this host.", err=True)
    host = describe_host(host_facts(facts_file), config, recorded_run.config)
    page = folder / "report.html" if output is None else output
    write_atomically(page, render_page(recorded_run, host, datetime.now(UTC)))
    click.echo(f"Wrote {page}.", err=True)
