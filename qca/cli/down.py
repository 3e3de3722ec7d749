"""`qca down`: remove what `qca up` created, and nothing else."""

import click

from infra.stack.state import STATE_DIR, StateDir, read_launch, stop_holder


@click.command()
@click.option("--volumes", is_flag=True, help="Also remove the volume with the runs.")
def down(volumes: bool) -> None:
    """Stop and remove what `up` made; runs are kept unless --volumes is given."""
    state = StateDir(STATE_DIR)
    if stop_holder(state):
        click.echo("The running `qca up` was stopped.", err=True)
    launch = read_launch(state)
    if launch is None:
        click.echo("Nothing was launched from this folder.", err=True)
    elif launch.runtime == "compose":
        from infra.stack.launch import stop

        stop(launch.project, state, volumes=volumes)
        kept = "The run is kept, and so are the images."
        click.echo(f"Removed the stack {launch.project}. {kept}", err=True)
    state.remove()
