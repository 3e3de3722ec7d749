"""The configuration: what the user may set, and the defaults.

Two tables, `[stack]` and `[train]`, which `qca.core.config_loader` reads. A value that the user
sets overrides the profile's, which overrides the default.
"""

import ast
import inspect
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, dataclass_transform, get_args

from qca.core.losses import LossName
from qca.core.unet_shape import GRID_MULTIPLE
from qca.core.units import Size
from qca.core.validation import Constraint, strict_dataclass, validate

# The newest release whose sources were read for the doctor's rules, and the last under the BSL;
# v1.38.0 is the first in which --proactor_threads wins over a cgroup CPU quota (dragonfly issue
# 4251).
DRAGONFLY_IMAGE = "docker.dragonflydb.io/dragonflydb/dragonfly:v1.40.1"

# Each episode's gradient is clipped to this norm before the optimizer's step; not an option.
GRADIENT_NORM_LIMIT = 1.0

Runtime = Literal["auto", "compose", "local"]
Device = Literal["auto", "cpu", "cuda"]
Profile = Literal["auto", "cpu", "default", "low-memory"]
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

Name = Annotated[str, Constraint(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""A project or run name: what Compose accepts as a project name, and safe in a path."""


Endpoint = Annotated[str, Constraint(pattern=r"^[A-Za-z0-9._-]+:[0-9]{1,5}$")]
"""HOST:PORT."""


T = TypeVar("T")


class _Table:
    """The base of the configuration's tables."""

    given: frozenset[str]
    """The keys that the user set; a profile does not change them."""

    def override(self, **values: Any) -> Self:
        """Return a copy with other values, which count as given; they are not validated."""
        other = copy(self)
        vars(other).update(values, given=self.given | values.keys())
        return other


@dataclass_transform(frozen_default=True, kw_only_default=True)
def _validate_on_init(cls: type[T]) -> type[T]:
    """Make a class a frozen dataclass that checks what it is given, and remembers its keys.

    A table of defaults alone needs no check.
    """
    table = strict_dataclass(cls)
    fill: Any = table.__init__

    def __init__(self: object, /, **values: Any) -> None:  # noqa: N807 - its name in a class
        found = validate(table, values) if values else None
        fill(self, **{key: getattr(found, key) for key in values})
        vars(self)["given"] = frozenset(values)

    table.__init__ = __init__  # type: ignore[method-assign, assignment]
    return table


def describe_keys(table: type) -> dict[str, str]:
    """Return the meaning of each key of a table: the docstring under it.

    Read from the source, since Python keeps no docstring of a field; only a help text needs it.
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
    """The `[stack]` table: how and where the training is launched."""

    project: Name = "qca"
    """Compose project name; containers, networks and volumes carry it."""
    runtime: Runtime = "auto"
    """`compose`, `local`, or `auto`: compose where an engine and Compose V2 answer."""
    maxmemory: Size | None = None
    """Dragonfly's memory, e.g. `2GiB`; sized from the host if not given."""
    proactor_threads: Annotated[int, Constraint(ge=1, le=1024)] | None = None
    """Dragonfly's threads; sized from the host if not given."""
    store_image: str = DRAGONFLY_IMAGE
    """Image of the store; Dragonfly 2 has another license, free in production up to 100 vCPUs."""
    store_port: Annotated[int, Constraint(ge=1, le=65535)] | None = None
    """Publish the store on 127.0.0.1 at this port; not published if not given."""
    gpus: Annotated[int, Constraint(ge=1, le=1024)] | Literal["all"] = 1
    """GPUs of this machine that train together, each with a batch of its own; or `all`."""
    nnodes: Annotated[int, Constraint(ge=1, le=1024)] = 1
    """Machines that train together; start the same on each."""
    rdzv_endpoint: Endpoint | None = None
    """HOST:PORT of one of these machines, where they meet; the others have to reach it."""
    base_image: str | None = None
    """Base of the trainer image; a CPU or a CUDA base by the plan if not given."""
    ca_bundle: Path | None = None
    """A CA bundle that pip needs inside the image build (company networks)."""


@_validate_on_init
class TrainConfig(_Table):
    """The `[train]` table: what is trained. The defaults are the seed's run."""

    run: Name = "first"
    """Names the run folder, `runs/RUN`."""
    profile: Profile = "auto"
    """`auto` takes `cpu` where there is no usable GPU, otherwise by the GPU's memory."""
    device: Device = "auto"
    """Where the training runs; `auto` takes a usable GPU."""
    seed: Annotated[int, Constraint(ge=0, lt=2**63)] = 0
    """Of weights, initial states and noise."""

    grid: Annotated[int, Constraint(ge=4, le=4096, multiple_of=GRID_MULTIPLE)] = 64
    """Cells a side; two max-pools halve it twice, so a multiple of 4."""
    d_state: Annotated[int, Constraint(ge=1, le=1024)] = 14
    """Complex components of a cell."""
    hidden_channels: Annotated[int, Constraint(ge=1, le=4096)] = 128
    """Channels of the U-Net's first block."""
    steps: Annotated[int, Constraint(ge=1, le=1_000_000)] = 500
    """Steps of the automaton in an episode (the seed's `qca_steps`)."""
    update: Update = "cartesian"
    """How a step moves the state."""
    gamma: Annotated[float, Constraint(ge=0, le=1)] = 0.01
    """Dissipation of a step."""

    episodes: Annotated[int, Constraint(ge=1, lt=2**63)] = 2000
    """Optimizer steps; each is one episode."""
    batch_size: Annotated[int, Constraint(ge=1, lt=2**63)] = 1
    """States that an episode evolves side by side."""
    loss: LossName = "evolutionary"
    """What is minimised."""
    max_noise: Annotated[float, Constraint(ge=0, le=1)] = 0.1
    """Noise rate at the end of the curriculum."""
    learning_rate: Annotated[float, Constraint(gt=0)] = 1e-4
    """Of AdamW."""
    weight_decay: Annotated[float, Constraint(ge=0)] = 1e-5
    """Of AdamW."""

    precision: Precision = "auto"
    """Numbers of the network: strict `fp32`, `tf32` (a GPU's products in 19 bits), `bf16`, `fp16`;
    `auto` is fp32, or a 16-bit format where only that fits the budget."""
    recompute: Recompute = "auto"
    """What backward recomputes: `none`, `step`, `two-level`, `host`, or `auto`: the fastest
    that fits the budget."""
    segment: Annotated[int, Constraint(ge=1, lt=2**63)] | Literal["auto"] = "auto"
    """Steps whose gradients are computed as one batch, each more with a step's activations; `auto`:
    as many as are faster and fit the budget. A run that is resumed keeps its own."""
    optimizer_state: OptimizerState = "auto"
    """Where AdamW's moments live: `device`, `host`, or `auto`: on the device where they fit."""
    budget: Size | None = None
    """Device memory that the training may use; the GPU's free memory if not given."""

    checkpoint_every: Annotated[int, Constraint(ge=1, lt=2**63)] = 50
    """Episodes between two checkpoints; one is always written at the end."""
    keep_checkpoints: Annotated[int, Constraint(ge=1, lt=2**63)] = 3
    """Newest checkpoints that are kept, beside the best one."""


@dataclass(frozen=True)
class Config:
    """The whole configuration."""

    stack: StackConfig = field(default_factory=StackConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


# The values that a profile sets, where the user sets none.
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


def apply_profile(train: TrainConfig, profile: str) -> TrainConfig:
    """Return `train` with the values of `profile`, except where the user set one."""
    values = {key: value for key, value in PROFILES[profile].items() if key not in train.given}
    return train.override(**values, profile=profile)
