"""The command line: one small module per command, imported only when that command runs.

This package may import every other package of qca and infra; none of them imports it.
"""

import errno
import io
import os
import signal
import sys
import warnings
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click

from qca.cli import color
from qca.cli.messages import say
from qca.cli.search_path import drop_relative_folders
from qca.cli.signals import EXIT_INTERRUPTED, end_interrupted
from qca.cli.streams import discard_output, open_closed_streams, replace_unencodable_characters
from qca.cli.suggestions import SuggestingGroup
from qca.cli.verbosity import add_verbosity, hide_records, is_verbose
from qca.core.distribution import read_version
from qca.core.errors import InputError, QcaError

# The commands in the order of use: name (of the command and its module) and one line of help.
_COMMANDS = {
    "doctor": "Report what would keep the stack from starting, why, and how to fix it.",
    "explain": "Explain one check in full.",
    "init": "Write a commented qca.toml with the most important keys.",
    "plan": "Show the sizing decision, with a reason for each number.",
    "render": "Write a Compose file or Kubernetes manifests for the plan.",
    "up": "Launch training, with Docker or without, and follow it.",
    "status": "Show what is running.",
    "logs": "Show the output of the store and the trainer.",
    "attach": "Follow a training run launched with `up -d`.",
    "runs": "List the runs, or remove one.",
    "fetch": "Copy a run from an engine's volume to this machine.",
    "down": "Stop a run and remove what `up` created.",
    "train": "Train in this process, as the container does.",
    "estimate": "Predict the peak memory of a training run.",
    "rollout": "Run a trained automaton and save an animation, pictures or the states.",
    "evaluate": "Measure a trained automaton on unseen initial states.",
    "view": "Run a trained automaton live in the browser.",
    "export": "Export a trained automaton for other programs.",
    "report": "Write an HTML report about one or more runs.",
    "completion": "Print the completion script for bash, zsh or fish.",
}


class _LazyGroup(SuggestingGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        return add_verbosity(getattr(import_module(f"qca.cli.{cmd_name}"), cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, SystemExit) as end:
            # Click and Rich would exit with 1, which means that the command failed.
            if isinstance(end, BrokenPipeError) or isinstance(end.__context__, BrokenPipeError):
                sys.exit(_end_without_reader())
            raise


def _show_version(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
    """Show the version and exit; not eager, so that a later `-v` is parsed first."""
    if not is_given or ctx.resilient_parsing:
        return
    click.echo(f"qca, version {read_version()}" if not is_verbose() else _describe_all_versions())
    ctx.exit()


def _describe_all_versions() -> str:
    from qca.cli.host_facts import host_facts
    from qca.cli.versions import describe_versions

    hide_records()
    return describe_versions(host_facts(None))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version; with -v also Python's, torch's, Docker's and Compose's.",
)
def cli() -> None:
    """Train a neural quantum cellular automaton on the machine you have.

    Start with `qca doctor`, or go straight to `qca up`.
    """


add_verbosity(cli)


def main() -> None:
    """Run the command line; turn each expected error into a message and an exit code."""
    open_closed_streams()
    replace_unencodable_characters()
    drop_relative_folders(os.environ)
    if not sys.warnoptions:  # neither -W nor PYTHONWARNINGS is given
        warnings.simplefilter("ignore")
    try:
        code = _run()
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            # A KeyboardInterrupt from here on would not be caught.
            signal.signal(signal.SIGINT, end_interrupted)
    except KeyboardInterrupt:
        _end_after_ctrl_c()
    sys.exit(code)


def _run() -> int:
    try:
        # Newer versions of Click return the value of `ctx.exit(n)`; None means success.
        code = cli.main(standalone_mode=False) or 0
        sys.stdout.flush()
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except click.Abort:  # raised by Click on Ctrl-C and at the end of input
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        _show_usage_error(error)
        code = error.exit_code
    except QcaError as error:
        code = _report(error.message, hint=error.hint, exit_code=error.exit_code)
    except OSError as error:
        discard_output()
        # The current folder may have been deleted, and an output stream may have no name.
        nameless = "this folder" if isinstance(error, FileNotFoundError) else "the output"
        # A name that is too long comes from the command line, or from a file named there.
        code = InputError.exit_code if error.errno == errno.ENAMETOOLONG else 1
        _report(f"{error.filename or nameless}: {error.strerror}", exit_code=code)
    return code


def _end_after_ctrl_c() -> NoReturn:
    """Report the interruption and exit without Python's shutdown, which Ctrl-C could interrupt."""
    signal.signal(signal.SIGINT, end_interrupted)  # a second Ctrl-C must not raise
    with suppress(KeyboardInterrupt, OSError):
        _report("interrupted", exit_code=EXIT_INTERRUPTED)
        sys.stdout.flush()
    end_interrupted()


def _show_usage_error(error: click.ClickException) -> None:
    """Show a usage error as Click does, without control characters."""
    text = io.StringIO()
    error.show(text)
    say(text.getvalue().rstrip("\n"))


def _report(message: str, *, exit_code: int, hint: str = "") -> int:
    with suppress(OSError):  # if stderr's disk is full, the exit code is all that is left
        say(f"qca: {message}", color="red" if color.is_wanted() else None)
        if hint:
            say(f"  {hint}")
    return exit_code


def _end_without_reader() -> int:
    """Exit quietly if stdout's reader has exited (`qca plan | head`), as other tools do."""
    discard_output()
    return 128 + signal.SIGPIPE
