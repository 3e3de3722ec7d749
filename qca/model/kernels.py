"""Load the kernels written in Triton, if this machine can compile and run them.

Triton comes with a CUDA build of torch. It needs a GPU of compute capability 8.0 or higher, a C
compiler, and a folder to write to (https://triton-lang.org/main/getting-started/installation.html).
"""

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import nn

from qca.core.gpu_kernels import can_run_kernels

DTYPES = (torch.float32, torch.bfloat16, torch.float16)

# How many of a group's values one program handles at most.
_CHUNK_NUMBERS = 2048


class Kernels(NamedTuple):
    """The modules with the kernels."""

    norm: Any
    step: Any
    winograd: Any


def find_kernels(parameter: nn.Parameter | torch.Tensor) -> Kernels | None:
    """Return the kernels for a network with these parameters; None if they cannot be used."""
    if parameter.device.type != "cuda" or parameter.dtype not in DTYPES:
        return None
    return _load(parameter.device)[0]


def find_obstacle(device: torch.device) -> str | None:
    """Return why a GPU cannot use the kernels; None if it can."""
    return _load(device)[1]


class Chunks(NamedTuple):
    """The division of a group's cells among programs."""

    number: int
    block: int
    """The cells of one chunk; Triton requires a power of two."""
    lanes: int
    """The channels, rounded up to a power of two."""

    @classmethod
    def from_sizes(cls, cells: int, width: int) -> "Chunks":
        """Return the chunks of a group of `cells` cells with `width` channels."""
        lanes = round_up(width)
        block = min(round_up(cells), max(1, _CHUNK_NUMBERS // lanes))
        return cls(-(-cells // block), block, lanes)

    @property
    def padded_count(self) -> int:
        """The number of chunks, rounded up to a power of two."""
        return round_up(self.number)


def round_up(count: int) -> int:
    """Return the smallest power of two that is at least `count`."""
    return 1 << (count - 1).bit_length()


@cache
def _load(device: torch.device) -> tuple[Kernels | None, str | None]:
    if not can_run_kernels(torch.cuda.get_device_capability(device)):
        return None, "Triton needs compute capability 8.0"
    try:
        modules = (f"qca.model.triton_{name}" for name in Kernels._fields)
        kernels = Kernels(*map(import_module, modules))
        _try(kernels, device)
    except Exception as error:  # Triton, its compiler and its driver may raise anything
        lines = str(error).splitlines() or [type(error).__name__]
        return None, lines[0]
    return kernels, None


def _try(kernels: Kernels, device: torch.device) -> None:
    """Compile and run one kernel on one number."""
    one = torch.ones(1, device=device)
    kernels.winograd.transform_weight[(1,)](one.new_ones(9), one.new_ones(16), 1, 1)
    torch.cuda.synchronize(device)
