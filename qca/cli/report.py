"""`qca report`: write a self-contained HTML page about a run."""

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import click

from qca.cli.host_facts import host_facts
from qca.cli.messages import note
from qca.cli.options import facts_option, runs_option
from qca.core.atomic_files import write_atomically
from qca.core.config_loader import load_config
from qca.core.distribution import require_extra


@click.command()
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Output file.  [default: report.html in the run folder; comparison.html in --runs]",
)
@runs_option
@click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Configuration file, for its [stack] table.  [default: qca.toml if it exists]",
)
@facts_option
def report(
    names: tuple[str, ...],
    output: Path | None,
    runs: Path,
    config_file: Path | None,
    facts_file: Path | None,
) -> None:
    """Write one self-contained HTML page about a run, or about several.

    RUN is its name, or the path of its folder. The page shows the run's curves, its actual and
    planned memory, an animation and measures of its state, the plan with its reasons, and the
    findings of qca doctor on this host. For several runs it overlays their curves and lists the
    differences in their configurations. It loads nothing from a network, and the names of users and
    machines are removed.
    """
    with require_extra("report", "the report"):
        import_module("qca.report.page")
        from qca.runs.run import find_run
    folders = [find_run(name, runs) for name in names]
    if len(folders) == 1:
        page = folders[0] / "report.html" if output is None else output
        text = _render_one(folders[0], config_file, facts_file)
    elif config_file or facts_file:
        raise click.UsageError(
            "-c and --facts need a single run: a page about several runs does not show the host"
        )
    else:
        page = runs / "comparison.html" if output is None else output
        text = _render_several(folders)
    write_atomically(page, text)
    note(f"Wrote {page}.")


def _render_one(folder: Path, config_file: Path | None, facts_file: Path | None) -> str:
    from qca.cli.report_data import describe_host
    from qca.report.page import render_page
    from qca.runs.run import read_run

    run, config = read_run(folder), load_config(config_file)
    if facts_file is None:
        note("Examining this host.")
    host = describe_host(host_facts(facts_file), config, run.config)
    return render_page(run, host, datetime.now(UTC))


def _render_several(folders: list[Path]) -> str:
    from qca.report.comparison import render_comparison
    from qca.runs.run import read_run

    return render_comparison([read_run(folder) for folder in folders], datetime.now(UTC))
