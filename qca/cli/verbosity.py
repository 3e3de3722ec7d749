"""The options `-v` (more output on stderr) and `-q` (less), before or after any command.

With `-v`, records of the standard `logging` are shown with secrets masked: each program run, each
file read, each probe. With `-q`, notes and progress are left out; errors, warnings and questions
stay.
"""

from typing import Any

import click

_QUIET = "qca.quiet"
_VERBOSE = "qca.verbose"
_HIDE = "qca.hide-records"


def add_verbosity(command: click.Command) -> click.Command:
    """Add the two options to a command and its subcommands."""
    if not any(isinstance(param, _Switch) for param in command.params):
        command.params += [
            _Switch(
                _VERBOSE,
                ["-v", "--verbose"],
                "Log to stderr the programs that run, the files that are read, and the probes.",
            ),
            _Switch(_QUIET, ["-q", "--quiet"], "Omit notes and progress."),
        ]
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            add_verbosity(subcommand)
    return command


def is_quiet() -> bool:
    """Return whether `-q` was given."""
    return _is_given(_QUIET)


def is_verbose() -> bool:
    """Return whether `-v` was given."""
    return _is_given(_VERBOSE)


def hide_records() -> None:
    """Stop showing records, for a command whose own output `-v` extends."""
    ctx = click.get_current_context()
    if hide := ctx.meta.get(_HIDE):
        hide()


def _is_given(key: str) -> bool:
    ctx = click.get_current_context(silent=True)
    return ctx is not None and ctx.meta.get(key, False)


class _Switch(click.Option):
    """A flag for the whole call, at any position."""

    def __init__(self, key: str, names: list[str], text: str) -> None:
        super().__init__(names, is_flag=True, is_eager=True, expose_value=False, help=text)
        self._key = key

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        is_given = super().process_value(ctx, value)
        if is_given and not ctx.resilient_parsing and not ctx.meta.get(self._key):
            ctx.meta[self._key] = True
            if ctx.meta.get(_QUIET) and ctx.meta.get(_VERBOSE):
                raise click.UsageError("-v and -q cannot be combined.", ctx)
            if self._key == _VERBOSE:
                from qca.cli.log_lines import show_records

                ctx.meta[_HIDE] = show_records()
                ctx.find_root().call_on_close(ctx.meta[_HIDE])
        return is_given
