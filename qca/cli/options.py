"""Options shared by several commands. Values are checked by qca.core.config, not by Click."""

import math
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from qca.core.config import Config, StackConfig, TrainConfig

Command = TypeVar("Command", bound=Callable[..., Any])


class RunCommand(click.Command):
    """A command whose run is named by --run; a name without it gets a hint."""

    allow_extra_args = True  # refused in `parse_args`

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; raise UsageError for words that belong to no option."""
        super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            ctx.fail(
                f"Got unexpected extra argument ({' '.join(ctx.args)}). --run names the run: "
                f"`{ctx.command_path} --run {ctx.args[0]}`."
            )
        return ctx.args


class _Flag(click.Option):
    """The flag of one configuration key; its help is built only when shown."""

    def __init__(self, *args: Any, table: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from qca.core.config import describe_keys

        model, key = _load_tables()[self.table], str(self.name)
        default = getattr(model(), key)
        self.help = describe_keys(model)[key].replace("`", "")
        self.help += "" if default is None else f"  [default: {default}]"
        return super().get_help_record(ctx)


class NumberRange(click.FloatRange):
    """A range of numbers without `nan`.

    Click's own range accepts `nan` because it compares false with any bound.
    """

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or fail like Click's own range."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


def config_flag(table: str, key: str) -> Callable[[Command], Command]:
    """Add the flag of one key of a configuration table; its value is validated with the others."""
    from qca.core.train_flags import format_flag_name

    return click.option(format_flag_name(key), key, cls=_Flag, table=table, metavar=key.upper())


def config_options(*tables: str) -> Callable[[Command], Command]:
    """Add `-c FILE` and one flag for every key of the named configuration tables."""

    def add(command: Command) -> Command:
        for table in reversed(tables):
            for key in reversed(fields(_load_tables()[table])):
                command = config_flag(table, key.name)(command)
        return config_option(command)

    return add


config_option = click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Configuration file.  [default: qca.toml if it exists]",
)


def read_config(config_file: Path | None, flags: dict[str, Any]) -> "Config":
    """Read the configuration; the flags of `config_options` override it."""
    from qca.core.config_loader import load_config

    by_table = {
        table: {key.name: flags[key.name] for key in fields(model) if key.name in flags}
        for table, model in _load_tables().items()
    }
    return load_config(config_file, flags=by_table)


def keep_run_settings(config: "Config", runs: Path) -> "Config":
    """Return the configuration with what the run keeps if it is resumed from the folder `runs`."""
    from qca.runs.run_folder import RunFolder

    train = RunFolder(runs / config.train.run).keep_settings(config.train)
    return replace(config, train=train)


def _load_tables() -> "dict[str, type[StackConfig] | type[TrainConfig]]":
    from qca.core.config import (  # imported only after the doctor's probes have started
        StackConfig,
        TrainConfig,
    )

    return {"stack": StackConfig, "train": TrainConfig}


RUNS = Path("runs")

runs_option = click.option(
    "--runs",
    type=click.Path(path_type=Path),
    default=RUNS,
    show_default=True,
    help="Folder that contains the run folders.",
)

facts_option = click.option(
    "--facts",
    "facts_file",
    type=click.Path(path_type=Path),
    help="Use a recorded host (`qca doctor --record`) instead of this one.",
)

format_option = click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, JSON for scripts.",
)
