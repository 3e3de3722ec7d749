"""Load the configuration from flags, the environment and the file.

A command-line flag overrides the environment (`QCA_TRAIN_GRID`, `QCA_STACK_RUNTIME`), which
overrides the file `qca.toml`.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from qca.core.config import Config, StackConfig, TrainConfig
from qca.core.config_faults import (
    Fault,
    build_fault_error,
    find_key_line,
    list_faults,
    locate_key,
)
from qca.core.errors import InputError
from qca.core.plain_files import read_plain, suggest_file
from qca.core.train_flags import format_flag_name
from qca.core.units import MIB

T = TypeVar("T")

CONFIG_FILE = Path("qca.toml")
_LARGEST_FILE = MIB
_TABLES: Mapping[str, type] = {"stack": StackConfig, "train": TrainConfig}

# Variables for rendered Compose files, which qca itself does not read.
_COMPOSE_VARIABLES = (
    "QCA_GID",
    "QCA_RUN_FOLDER",
    "QCA_STORE_FLAGS",
    "QCA_TRAINER_IMAGE",
    "QCA_UID",
)


def load_config(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, Mapping[str, Any]] | None = None,
) -> Config:
    """Read the configuration from `file` (default: `qca.toml` if it exists).

    `flags` maps a table to the values given on the command line; None means not given. The
    profile is not applied, because `auto` depends on the host.

    Raises:
        InputError: values or keys are wrong; the message names the file, line and key of each, or
            the variable.

    """
    _refuse_unknown_variables(environment)
    path, flags = file or CONFIG_FILE, flags or {}
    text = _read(path, required=file is not None)
    tables = _parse(path, text)
    _refuse_unknown_tables(tables, path, text)
    values = {name: _merge_values(name, tables, environment, flags) for name in _TABLES}
    faults: list[Fault] = []
    stack = _build_table(StackConfig, "stack", values["stack"], faults)
    train = _build_table(TrainConfig, "train", values["train"], faults)
    if faults:
        raise build_fault_error(
            (*_locate_fault(fault, path, text, environment, flags), fault.problem)
            for fault in faults
        )
    _require_endpoint(stack)
    return Config(stack, train)


def _merge_values(
    table: str,
    tables: Mapping[str, Mapping[str, Any]],
    environment: Mapping[str, str],
    flags: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the values of a table: the file's, overridden by the environment and the flags."""
    return {
        **tables.get(table, {}),
        **_read_environment(table, environment),
        **_drop_unset(flags.get(table, {})),
    }


def _build_table(table: type[T], name: str, values: Mapping[str, Any], faults: list[Fault]) -> T:
    """Return the table; add what it refuses to `faults`, and return its defaults instead."""
    if not values:
        return table()
    from pydantic import ValidationError

    try:
        return table(**values)
    except ValidationError as error:
        faults += list_faults(name, table, error)
        return table()


def _refuse_unknown_tables(tables: Mapping[str, object], path: Path, text: str) -> None:
    unknown = tables.keys() - _TABLES.keys()
    if unknown:
        key = min(unknown)
        raise InputError(
            f"{locate_key(path, text, (key,))}: unknown table or key {key!r}",
            hint="The tables are [stack] and [train].",
        )


def _require_endpoint(stack: StackConfig) -> None:
    """Raise InputError if several machines train together without a rendezvous address."""
    if stack.nnodes > 1 and stack.rdzv_endpoint is None:
        raise InputError(
            f"nnodes is {stack.nnodes}, but rdzv_endpoint is not set",
            hint="Give --rdzv-endpoint HOST:PORT, the same on all machines.",
        )


def _read(path: Path, *, required: bool) -> str:
    try:
        return read_plain(path, limit=_LARGEST_FILE).decode()
    except FileNotFoundError:
        if required:
            raise InputError(f"{path}: no such file", hint="Check the path given to -c.") from None
        return ""
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text", hint="TOML files are UTF-8.") from None
    except OSError as error:
        hint = suggest_file(error, path, CONFIG_FILE.name)
        raise InputError(f"{path}: {error.strerror}", hint=hint) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        number = line[1] if line else len(text.splitlines())  # "at end of document"
        raise InputError(f"{path}:{number}: {error}", hint="Fix the TOML syntax there.") from None
    except (ValueError, RecursionError):
        raise InputError(
            f"{path}: a number is too long, or values are nested too deep",
            hint="Every value must be a single number or string.",
        ) from None
    for key, value in tables.items():
        if not isinstance(value, dict):
            raise InputError(
                f"{locate_key(path, text, (key,))}: key {key!r} is outside a table",
                hint="Move it under [stack] or [train].",
            )
    return tables


def _read_environment(table: str, environment: Mapping[str, str]) -> dict[str, str]:
    return {
        field.name: environment[name]
        for field in fields(_TABLES[table])
        if (name := _format_variable_name(table, field.name)) in environment
    }


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    keys = [
        _format_variable_name(name, field.name)
        for name, table in _TABLES.items()
        for field in fields(table)
    ]
    for name in sorted(environment):
        if name.startswith("QCA_") and name not in (*keys, *_COMPOSE_VARIABLES):
            nearest = get_close_matches(name, keys, n=1)
            raise InputError(
                f"{name}: unknown environment variable",
                hint=f"Did you mean {nearest[0]}? Otherwise unset it."
                if nearest
                else "Unset it. docs/configuration.md lists every key.",
            )


def _format_variable_name(table: str, field: str) -> str:
    return f"QCA_{table}_{field}".upper()


def _drop_unset(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in flags.items() if value is not None}


def _locate_fault(
    fault: Fault,
    path: Path,
    text: str,
    environment: Mapping[str, str],
    flags: Mapping[str, Mapping[str, Any]],
) -> tuple[int, str]:
    """Return the line of a fault, 0 if it is not in the file, and its source as shown."""
    if fault.key in _drop_unset(flags.get(fault.table, {})):
        return 0, format_flag_name(fault.key)
    variable = _format_variable_name(fault.table, fault.key)
    if variable in environment:
        return 0, variable
    keys = (fault.table, fault.key)
    return find_key_line(text, keys), f"{locate_key(path, text, keys)}: {'.'.join(keys)}"
