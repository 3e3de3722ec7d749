"""`qca completion`: print a shell's completion script for qca."""

import click
from click.shell_completion import get_completion_class

# The setup that loads the script when each shell starts.
_SETUP = {
    "bash": 'add to ~/.bashrc: eval "$(qca completion bash)"',
    "zsh": 'add to ~/.zshrc, after compinit: eval "$(qca completion zsh)"',
    "fish": "qca completion fish > ~/.config/fish/completions/qca.fish",
}


@click.command(
    help="Print the script that lets a shell complete commands and options.\n\n\b\n"
    + "\n".join(f"{shell + ':':<6}{setup}" for shell, setup in _SETUP.items())
)
@click.argument("shell", type=click.Choice(list(_SETUP)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete commands and options."""
    script = get_completion_class(shell)
    assert script is not None  # Click supports all three shells
    click.echo(script(ctx.find_root().command, {}, "qca", "_QCA_COMPLETE").source())
