"""The configuration: what a person may set, where it is read from, what it defaults to.

One file, `qca.toml`, with two tables, `[stack]` and `[train]`. A value is taken from
the first place that has it: a command-line flag, the environment (`QCA_TRAIN_GRID`,
`QCA_STACK_RUNTIME`), the file, the profile, the default.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qca.errors import InputError
from qca.units import Size

CONFIG_FILE = Path("qca.toml")

# The newest release whose sources were read for the doctor's rules; v1.38.0 is the first
# in which --proactor_threads wins over a cgroup CPU quota (dragonfly issue 4251).
DRAGONFLY_IMAGE = "docker.dragonflydb.io/dragonflydb/dragonfly:v1.40.0"

Runtime = Literal["auto", "compose", "local"]
Device = Literal["auto", "cpu", "cuda"]
Profile = Literal["auto", "cpu", "default", "low-memory"]
ResolvedPrecision = Literal["fp32", "tf32", "bf16", "fp16"]
Precision = Literal["auto", ResolvedPrecision]
ResolvedRecompute = Literal["none", "step", "two-level", "host"]
Recompute = Literal["auto", ResolvedRecompute]
ResolvedOptimizerState = Literal["device", "host"]
OptimizerState = Literal["auto", ResolvedOptimizerState]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""A project or run name: what Compose accepts as a project name, and safe in a path."""


Endpoint = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+:[0-9]{1,5}$")]
"""HOST:PORT."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class StackConfig(_Section):
    """The `[stack]` table: how and where the training is launched."""

    project: Name = "qca"
    """Compose project name; containers, networks and volumes carry it."""
    runtime: Runtime = "auto"
    """`compose`, `local`, or `auto`: compose where an engine and Compose V2 answer."""
    maxmemory: Size | None = None
    """Dragonfly's memory, e.g. `2GiB`; sized from the host if not given."""
    proactor_threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Dragonfly's threads; sized from the host if not given."""
    store_image: str = DRAGONFLY_IMAGE
    """Image of the store."""
    store_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Publish the store on 127.0.0.1 at this port; not published if not given."""
    gpus: Annotated[int, Field(ge=1, le=1024)] | Literal["all"] = 1
    """GPUs of this machine that train together, each with a batch of its own; or `all`."""
    nnodes: Annotated[int, Field(ge=1, le=1024)] = 1
    """Machines that train together; start the same on each."""
    rdzv_endpoint: Endpoint | None = None
    """HOST:PORT of one of these machines, where they meet; the others have to reach it."""
    base_image: str | None = None
    """Base of the trainer image; a CPU or a CUDA base by the plan if not given."""
    ca_bundle: Path | None = None
    """A CA bundle that pip needs inside the image build (company networks)."""


class TrainConfig(_Section):
    """The `[train]` table: what is trained. The defaults are the seed's run."""

    run: Name = "first"
    """Names the run folder, `runs/RUN`."""
    profile: Profile = "auto"
    """`auto` takes `cpu` where there is no usable GPU, otherwise by the GPU's memory."""
    device: Device = "auto"
    """Where the training runs; `auto` takes a usable GPU."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of weights, initial states and noise."""

    grid: Annotated[int, Field(ge=4, le=4096, multiple_of=4)] = 64
    """Cells a side; two max-pools halve it twice, so a multiple of 4."""
    d_state: Annotated[int, Field(ge=1, le=1024)] = 14
    """Complex components of a cell."""
    hidden_channels: Annotated[int, Field(ge=1, le=4096)] = 128
    """Channels of the U-Net's first block."""
    steps: Annotated[int, Field(ge=1, le=1_000_000)] = 500
    """Steps of the automaton in an episode (the seed's `qca_steps`)."""
    update: Literal["cartesian", "unitary"] = "cartesian"
    """How a step moves the state."""
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Dissipation of a step."""

    episodes: Annotated[int, Field(ge=1)] = 2000
    """Optimizer steps; each is one episode."""
    batch_size: Annotated[int, Field(ge=1)] = 1
    """States that an episode evolves side by side."""
    loss: Literal["evolutionary", "mse_energy", "structure"] = "evolutionary"
    """What is minimised."""
    max_noise: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Noise rate at the end of the curriculum."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    """Of AdamW."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-5
    """Of AdamW."""

    precision: Precision = "auto"
    """Numbers of the network: strict `fp32`, `tf32` (a GPU's products in 19 bits), `bf16`, `fp16`;
    `auto` is fp32, or a 16-bit format where only that fits the budget."""
    recompute: Recompute = "auto"
    """What backward recomputes: `none`, `step`, `two-level`, `host`, or `auto`: the first of these
    that fits the budget."""
    optimizer_state: OptimizerState = "auto"
    """Where AdamW's moments live: `device`, `host`, or `auto`: on the device where they fit."""
    budget: Size | None = None
    """Device memory that the training may use; the GPU's free memory if not given."""

    checkpoint_every: Annotated[int, Field(ge=1)] = 50
    """Episodes between two checkpoints; one is always written at the end."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 3
    """Newest checkpoints that are kept, beside the best one."""


class Config(_Section):
    """The whole configuration."""

    stack: StackConfig = StackConfig()
    train: TrainConfig = TrainConfig()


# What a profile sets; a value that the person gives wins over it.
PROFILES: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    # Ends in well under two minutes on two cores: a first look, not a result.
    "cpu": {
        "grid": 16,
        "d_state": 4,
        "hidden_channels": 16,
        "steps": 32,
        "episodes": 100,
    },
    # The seed's whole model, one state at a time; how it is run, the free memory decides.
    "low-memory": {"batch_size": 1},
}


def load_config(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, Mapping[str, Any]] | None = None,
) -> Config:
    """Read the configuration from `file` (default: `qca.toml` if it is there).

    `flags` maps a table to the values given on the command line; None values are
    left out. The profile itself is not applied here: `auto` needs the host.

    Raises:
        InputError: with file, line and key, or with the variable's name.

    """
    path = file or CONFIG_FILE
    text = _read(path, required=file is not None)
    tables = _parse(path, text)
    values: dict[str, dict[str, Any]] = {}
    for table, model in (("stack", StackConfig), ("train", TrainConfig)):
        values[table] = {
            **tables.get(table, {}),
            **_from_environment(table, model, environment),
            **_given((flags or {}).get(table, {})),
        }
    unknown = set(tables) - set(values)
    if unknown:
        key = min(unknown)
        raise InputError(
            f"{_place(path, text, (key,))}: unknown table or key {key!r}",
            hint="The tables are [stack] and [train].",
        )
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise _invalid(error, path, text, environment, flags or {}) from None
    if config.stack.nnodes > 1 and config.stack.rdzv_endpoint is None:
        raise InputError(
            f"nnodes is {config.stack.nnodes}, and it is not said where the machines meet",
            hint="Give --rdzv-endpoint HOST:PORT, the same on all of them.",
        )
    return config


def apply_profile(train: TrainConfig, profile: str) -> TrainConfig:
    """Return `train` with what `profile` sets, except where the person set a value."""
    chosen = {
        key: value for key, value in PROFILES[profile].items() if key not in train.model_fields_set
    }
    return train.model_copy(update={**chosen, "profile": profile})


def _read(path: Path, *, required: bool) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise InputError(f"{path}: no such file", hint="Check the path given to -c.") from None
        return ""
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text", hint="TOML files are UTF-8.") from None
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}", hint="Check the file's permissions."
        ) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        number = line[1] if line else len(text.splitlines())  # "at end of document"
        raise InputError(f"{path}:{number}: {error}", hint="It is not valid TOML there.") from None
    for key, value in tables.items():
        if not isinstance(value, dict):
            raise InputError(
                f"{_place(path, text, (key,))}: key {key!r} stands outside of a table",
                hint="Put it under [stack] or [train].",
            )
    return tables


def _from_environment(
    table: str, model: type[BaseModel], environment: Mapping[str, str]
) -> dict[str, str]:
    return {
        field: environment[name]
        for field in model.model_fields
        if (name := _variable(table, field)) in environment
    }


def _variable(table: str, field: str) -> str:
    return f"QCA_{table}_{field}".upper()


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in flags.items() if value is not None}


def _invalid(
    error: ValidationError,
    path: Path,
    text: str,
    environment: Mapping[str, str],
    flags: Mapping[str, Mapping[str, Any]],
) -> InputError:
    first = error.errors(include_url=False)[0]
    location = tuple(str(part) for part in first["loc"][:2])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown key"
    if len(location) < 2:
        return InputError(f"{path}: {message}", hint="Run `qca plan` to see the values in use.")
    table, key = location
    given = "" if first["type"] == "extra_forbidden" else f" (given: {first['input']!r})"
    if key in _given(flags.get(table, {})):
        place = f"--{key.replace('_', '-')}"
    elif _variable(table, key) in environment:
        place = _variable(table, key)
    else:
        place = f"{_place(path, text, location)}: {table}.{key}"
    return InputError(
        f"{place}: {message}{given}",
        hint="docs/configuration.md lists every key with its meaning and default.",
    )


def _place(path: Path, text: str, keys: tuple[str, ...]) -> str:
    """Return `file:line` of a key; tomllib keeps no positions, so the text is searched."""
    table = keys[0] if len(keys) == 2 else ""
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([\w.-]+)\s*\]+", line)
        if header:
            current = header[1]
        if header and header[1] == keys[-1] and len(keys) == 1:
            return f"{path}:{number}"
        if current == table and re.match(rf"\s*[\"']?{re.escape(keys[-1])}[\"']?\s*=", line):
            return f"{path}:{number}"
    return str(path)
