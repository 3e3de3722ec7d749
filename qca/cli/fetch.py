"""`qca fetch`: copy a run from an engine's volume to this machine."""

from pathlib import Path
from typing import Any

import click

from qca.cli.messages import note
from qca.cli.options import config_flag, config_option, read_config, runs_option
from qca.core.errors import InputError


@click.command()
@click.argument("run")
@runs_option
@config_flag("stack", "project")
@config_option
def fetch(run: str, runs: Path, config_file: Path | None, **flags: Any) -> None:
    """Copy RUN from the engine's volume to the folder that holds the runs.

    An engine on another machine keeps runs in a volume; qca 0.1.0 always kept them there.
    Training may continue meanwhile; fetch again to update the copy. If the engine is on this
    machine, the run is already in its folder.
    """
    from infra.stack.engine_files import open_run
    from infra.stack.run_storage import name_volume
    from qca.runs.run_copy import unpack_run
    from qca.runs.run_folder import RunFolder

    config = read_config(config_file, {**flags, "run": run})
    folder = runs / config.train.run
    RunFolder(folder).check()
    volume = name_volume(config.stack.project)
    with open_run(volume, run, config.stack.project) as archive:
        if archive is not None:
            unpack_run(archive, folder)
            note(f"Copied {run} from the volume {volume}: {folder}")
        elif RunFolder(folder).config.is_file():
            note(f"{run} is already here: {folder}")
        else:
            raise InputError(
                f"no run {run!r}: neither in the volume {volume} nor in {runs}",
                hint="`qca runs` lists the runs; --project names another stack's volume.",
            )
