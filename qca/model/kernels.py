"""The kernels written in Triton, where this machine can compile and run them.

Triton comes with a CUDA build of torch. It needs a GPU of compute capability 8.0, a C compiler, and
a folder to write to (https://triton-lang.org/main/getting-started/installation.html).
"""

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import nn

_OLDEST_CAPABILITY = (8, 0)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)

# How many numbers of a group one program has.
_CHUNK_NUMBERS = 2048


class Kernels(NamedTuple):
    """The modules that have them."""

    norm: Any
    step: Any
    winograd: Any


def find_kernels(parameter: nn.Parameter | torch.Tensor) -> Kernels | None:
    """Return the kernels for a network with such parameters; None where they cannot be used."""
    if parameter.device.type != "cuda" or parameter.dtype not in DTYPES:
        return None
    return _load(parameter.device)[0]


def find_obstacle(device: torch.device) -> str | None:
    """Return why a GPU cannot use them; None if it can."""
    return _load(device)[1]


class Chunks(NamedTuple):
    """How `cells` of `width` channels are shared out among programs."""

    number: int
    block: int
    """Cells of one chunk; like the next a power of two, as Triton needs it."""
    lanes: int
    """No fewer than the channels."""

    @classmethod
    def from_sizes(cls, cells: int, width: int) -> "Chunks":
        """Return chunks of one size, whatever the group's."""
        lanes = round_up(width)
        block = min(round_up(cells), max(1, _CHUNK_NUMBERS // lanes))
        return cls(-(-cells // block), block, lanes)

    @property
    def padded_count(self) -> int:
        """The next power of two."""
        return round_up(self.number)


def round_up(count: int) -> int:
    """Return the next power of two."""
    return 1 << (count - 1).bit_length()


@cache
def _load(device: torch.device) -> tuple[Kernels | None, str | None]:
    if torch.cuda.get_device_capability(device) < _OLDEST_CAPABILITY:
        return None, "Triton needs compute capability 8.0"
    try:
        modules = (f"qca.model.triton_{name}" for name in Kernels._fields)
        kernels = Kernels(*map(import_module, modules))
        _try(kernels, device)
    except Exception as error:  # whatever Triton, its compiler or its driver raise
        lines = str(error).splitlines() or [type(error).__name__]
        return None, lines[0]
    return kernels, None


def _try(kernels: Kernels, device: torch.device) -> None:
    """Compile and run one of them on one number."""
    one = torch.ones(1, device=device)
    kernels.winograd.transform_weight[(1,)](one.new_ones(9), one.new_ones(16), 1, 1)
    torch.cuda.synchronize(device)
