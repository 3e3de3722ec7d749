"""Options that several commands share. Values are checked by qca.config, not by Click."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from qca.config import Config, StackConfig, TrainConfig, load_config

Command = TypeVar("Command", bound=Callable[..., Any])

_TABLES = {"stack": StackConfig, "train": TrainConfig}


def config_options(*tables: str) -> Callable[[Command], Command]:
    """Add `-c FILE` and one flag for every key of the named configuration tables."""

    def add(command: Command) -> Command:
        for table in reversed(tables):
            for name, field in reversed(_TABLES[table].model_fields.items()):
                flag = f"--{name.replace('_', '-')}"
                default = "" if field.default is None else f"  [default: {field.default}]"
                text = (field.description or "").replace("`", "") + default
                command = click.option(flag, name, metavar=name.upper(), help=text)(command)
        return click.option(
            "-c",
            "--config",
            "config_file",
            type=click.Path(path_type=Path),
            help="Configuration file.  [default: qca.toml if it is there]",
        )(command)

    return add


def read_config(config_file: Path | None, flags: dict[str, Any]) -> Config:
    """Read the configuration with the flags of `config_options` on top."""
    by_table = {
        table: {name: flags[name] for name in model.model_fields if name in flags}
        for table, model in _TABLES.items()
    }
    return load_config(config_file, flags=by_table)


facts_option = click.option(
    "--facts",
    "facts_file",
    type=click.Path(path_type=Path),
    help="Judge a recorded host (`qca doctor --record`) instead of this one.",
)

format_option = click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, JSON for scripts.",
)
