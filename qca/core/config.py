"""The configuration: every key that the user can set, with its default.

It has two tables, `[stack]` and `[train]`, which `qca.core.config_loader` reads. A value that the
user sets overrides the profile's, which overrides the default.
"""

import ast
import inspect
from collections.abc import Mapping
from copy import copy
from dataclasses import field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, dataclass_transform, get_args

from qca.core.frozen import frozen_dataclass
from qca.core.losses import LossName
from qca.core.unet_shape import GRID_MULTIPLE
from qca.core.units import Size
from qca.core.validation import Constraint, strict_dataclass, validate

# The newest release whose sources were used to check the doctor's rules, and the last one under the
# BSL. v1.38.0 is the first in which --proactor_threads overrides a cgroup CPU quota (dragonfly
# issue 4251).
DRAGONFLY_IMAGE = "docker.dragonflydb.io/dragonflydb/dragonfly:v1.40.1"

# Dragonfly aborts unless it has fewer threads than kMaxThreadSize, 1024 (main_service.cc).
MAX_DRAGONFLY_THREADS = 1023

# Each episode's gradient is clipped to this norm before the optimizer's step; this is fixed.
GRADIENT_NORM_LIMIT = 1.0

ResolvedRuntime = Literal["compose", "local"]
Runtime = Literal["auto", ResolvedRuntime]
ResolvedDevice = Literal["cpu", "cuda"]
Device = Literal["auto", ResolvedDevice]
ResolvedProfile = Literal["cpu", "default", "low-memory"]
Profile = Literal["auto", ResolvedProfile]
HalfPrecision = Literal["bf16", "fp16"]
HALF_PRECISIONS: tuple[HalfPrecision, ...] = get_args(HalfPrecision)
ResolvedPrecision = Literal["fp32", "tf32", HalfPrecision]
TENSOR_CORE_PRECISIONS: tuple[ResolvedPrecision, ...] = ("tf32", *HALF_PRECISIONS)
Precision = Literal["auto", ResolvedPrecision]
ResolvedRecompute = Literal["none", "step", "two-level", "host"]
Recompute = Literal["auto", ResolvedRecompute]
ResolvedOptimizerState = Literal["device", "host"]
OptimizerState = Literal["auto", ResolvedOptimizerState]
Update = Literal["cartesian", "unitary"]

_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
_ENDPOINT = r"^[A-Za-z0-9._-]+:[0-9]{1,5}$"

PATTERN_RULES: Mapping[str, str] = {
    _NAME: "must be 1 to 63 lowercase letters, digits, `-` and `_`, the first a letter or a digit",
    _ENDPOINT: "must be HOST:PORT",
}
"""The patterns of the values, in words."""

Name = Annotated[str, Constraint(pattern=_NAME)]
"""A project or run name: a valid Compose project name that is safe in a path."""


Endpoint = Annotated[str, Constraint(pattern=_ENDPOINT)]
"""An address as HOST:PORT."""


T = TypeVar("T")


class _Table:
    """Base class of the configuration's tables."""

    given: frozenset[str]
    """The keys that the user set, and `kept`; a profile leaves them unchanged."""
    kept: frozenset[str] = frozenset()
    """The keys that have the value of the run that is resumed."""

    def override(self, **values: Any) -> Self:
        """Return a copy with other values, which count as set by the user. Does not validate."""
        other = copy(self)
        given, kept = self.given | values.keys(), self.kept - values.keys()
        vars(other).update(values, given=given, kept=kept)
        return other

    def keep(self, **values: Any) -> Self:
        """Return a copy with values of the run that is resumed. Does not validate."""
        other = self.override(**values)
        vars(other).update(kept=other.kept | values.keys())
        return other


@dataclass_transform(frozen_default=True, kw_only_default=True)
def _validate_on_init(cls: type[T]) -> type[T]:
    """Make a class a frozen dataclass that validates its arguments and records their keys.

    Defaults alone are not validated.
    """
    table = strict_dataclass(cls)
    fill: Any = table.__init__

    def __init__(self: object, /, **values: Any) -> None:  # noqa: N807 - the class attribute must have this name
        found = validate(table, values) if values else None
        fill(self, **{key: getattr(found, key) for key in values})
        vars(self)["given"] = frozenset(values)

    table.__init__ = __init__  # type: ignore[method-assign, assignment]
    return table


def describe_keys(table: type) -> dict[str, str]:
    """Return the meaning of each key of a table: the docstring under it.

    Parses the source, since Python does not store the docstring of a field. Only help texts need
    it.
    """
    (section,) = ast.parse(inspect.getsource(table)).body
    assert isinstance(section, ast.ClassDef)
    return {
        ast.unparse(field.target): " ".join(ast.literal_eval(text.value).split())
        for field, text in pairwise(section.body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
    }


@_validate_on_init
class StackConfig(_Table):
    """The `[stack]` table: how and where training is launched."""

    project: Name = "qca"
    """Compose project name; prefixes the names of containers, networks and volumes."""
    runtime: Runtime = "auto"
    """`compose`, `local`, or `auto`: compose if an engine and Compose V2 answer."""
    maxmemory: Size | None = None
    """Dragonfly's memory, e.g. `2GiB`; by default sized to suit the host."""
    proactor_threads: Annotated[int, Constraint(ge=1, le=MAX_DRAGONFLY_THREADS)] | None = None
    """Number of Dragonfly's threads; by default chosen for the host."""
    store_image: str = DRAGONFLY_IMAGE
    """The store's image; Dragonfly 2.1 has a different license, free in production up to 100 vCPUs.
    """
    store_port: Annotated[int, Constraint(ge=1, le=65535)] | None = None
    """Port on 127.0.0.1 at which the store is published; by default it is not published."""
    gpus: Annotated[int, Constraint(ge=1, le=1024)] | Literal["all"] = 1
    """Number of this machine's GPUs to train on, each with its own batch; or `all`."""
    nnodes: Annotated[int, Constraint(ge=1, le=1024)] = 1
    """Number of machines that train together; run the same command on each."""
    rdzv_endpoint: Endpoint | None = None
    """HOST:PORT of one of the machines, to which the others connect."""
    base_image: str | None = None
    """Base of the trainer image; by default the plan chooses a CPU or a CUDA base."""
    ca_bundle: Path | None = None
    """A CA bundle that pip needs during the image build (company networks)."""


@_validate_on_init
class TrainConfig(_Table):
    """The `[train]` table: the model and its training. The defaults train the full model."""

    run: Name = "first"
    """Name of the run and of its folder, `runs/RUN`."""
    profile: Profile = "auto"
    """`cpu`, `default`, `low-memory`, or `auto`: `cpu` without a usable GPU, otherwise chosen by
    the GPU's memory."""
    device: Device = "auto"
    """`cpu`, `cuda`, or `auto`: a usable GPU, otherwise the CPU."""
    seed: Annotated[int, Constraint(ge=0, lt=2**63)] = 0
    """Seed of the weights, the initial states and the noise."""

    grid: Annotated[int, Constraint(ge=4, le=4096, multiple_of=GRID_MULTIPLE)] = 64
    """Cells per side, a multiple of 4, because two max-pools each halve it."""
    d_state: Annotated[int, Constraint(ge=1, le=1024)] = 14
    """Number of complex components of a cell."""
    hidden_channels: Annotated[int, Constraint(ge=1, le=4096)] = 128
    """Channels of the U-Net's first block."""
    steps: Annotated[int, Constraint(ge=1, le=1_000_000)] = 500
    """Steps of the automaton per episode."""
    update: Update = "cartesian"
    """The update rule of a step: `cartesian` (Euler) or `unitary`."""
    gamma: Annotated[float, Constraint(ge=0, le=1)] = 0.01
    """Dissipation per step, 0 to 1."""

    episodes: Annotated[int, Constraint(ge=1, lt=2**63)] = 2000
    """Number of episodes; each is one optimizer step."""
    batch_size: Annotated[int, Constraint(ge=1, lt=2**63)] = 1
    """Number of states that an episode evolves together."""
    loss: LossName = "evolutionary"
    """The loss to minimize: `evolutionary`, `mse_energy`, `structure`, or one that an installed
    package adds."""
    max_noise: Annotated[float, Constraint(ge=0, le=1)] = 0.1
    """Noise rate at the end of the curriculum."""
    learning_rate: Annotated[float, Constraint(gt=0)] = 1e-4
    """AdamW's learning rate at the start."""
    weight_decay: Annotated[float, Constraint(ge=0)] = 1e-5
    """AdamW's weight decay."""

    precision: Precision = "auto"
    """Number format of the network: `fp32`, `tf32` (19-bit multiplication on a GPU), `bf16`,
    `fp16`, or `auto`: fp32, or a 16-bit format if only that fits the budget."""
    recompute: Recompute = "auto"
    """The recompute strategy of the backward pass: `none`, `step`, `two-level`, `host`, or `auto`:
    the fastest choice that fits the budget."""
    segment: Annotated[int, Constraint(ge=1, lt=2**63)] | Literal["auto"] = "auto"
    """Steps whose gradients are computed as one batch; each step needs memory for its activations.
    `auto`: the number that is fastest within the budget. A resumed run keeps its number."""
    tapes: Annotated[int, Constraint(ge=0, lt=2**63)] | Literal["auto"] = "auto"
    """How many steps, in whole segments counted from the end of an episode, keep their activations
    instead of recomputing them. `auto`: as many as save time and fit the budget. A resumed run
    keeps its number."""
    optimizer_state: OptimizerState = "auto"
    """Where AdamW's moments are kept: `device`, `host`, or `auto`: on the device if they fit."""
    budget: Size | None = None
    """Device memory that training may use; by default the device's free memory."""

    checkpoint_every: Annotated[int, Constraint(ge=1, lt=2**63)] = 50
    """Episodes between two checkpoints; the last episode always writes one."""
    keep_checkpoints: Annotated[int, Constraint(ge=1, lt=2**63)] = 3
    """Number of newest checkpoints to keep, in addition to the best one."""


@frozen_dataclass
class Config:
    """The whole configuration, both tables."""

    stack: StackConfig = field(default_factory=StackConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


# The values that a profile sets unless the user sets them.
PROFILES: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    # A quick first run, not a useful result: it takes well under two minutes on two cores.
    "cpu": {
        "grid": 16,
        "d_state": 4,
        "hidden_channels": 16,
        "steps": 32,
        "episodes": 100,
    },
    # The full model, one state at a time. The recompute strategy depends on the free memory.
    "low-memory": {"batch_size": 1},
}

PROFILE_KEYS = frozenset(key for values in PROFILES.values() for key in values)
"""The keys that a profile can set."""


def apply_profile(train: TrainConfig, profile: str) -> TrainConfig:
    """Return `train` with the values of `profile`, except those that the user set."""
    values = {key: value for key, value in PROFILES[profile].items() if key not in train.given}
    return train.override(**values, profile=profile)
