"""PyTorch's wheels by the CUDA that they are built with: the drivers and GPUs that run them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qca.core.versions import parse_version

Capability = tuple[int, int]

# Minor-version compatibility: the oldest driver for any CUDA of that major version.
# https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
_OLDEST_DRIVERS: dict[tuple[int, ...], str] = {(12,): "525.60.13", (13,): "580.65.06"}


@dataclass(frozen=True)
class _Build:
    """For which GPUs a wheel holds machine code."""

    native: tuple[Capability, ...]
    ptx: Capability | None
    """Intermediate code that any newer GPU can compile; None if there is none."""

    def can_run(self, capability: Capability) -> bool:
        """Machine code runs on the same major version, from its own minor version on."""
        if self.ptx is not None and capability >= self.ptx:
            return True
        return any(one[0] == capability[0] and one <= capability for one in self.native)


# PyTorch's release notes, x86-64 wheels: https://github.com/pytorch/pytorch/blob/main/RELEASE.md
_CUDA_13 = _Build(((7, 5), (8, 0), (8, 6), (9, 0), (10, 0), (12, 0)), (12, 0))
_BUILDS: Mapping[str, _Build] = {
    "12.6": _Build(((5, 0), (6, 0), (7, 0), (7, 5), (8, 0), (8, 6), (9, 0)), None),
    "13.0": _CUDA_13,
    "13.2": _CUDA_13,
}

# The wheels that the doctor offers, first the one that torch comes with by default.
_OFFERED = ("13.0", "12.6")


def find_oldest_driver(cuda: str) -> str | None:
    """Return the oldest driver that runs a CUDA; None where that is not known."""
    return _OLDEST_DRIVERS.get(parse_version(cuda)[:1])


def is_known_build(cuda: str) -> bool:
    """Whether it is known for which GPUs the wheel with that CUDA was built."""
    return cuda in _BUILDS


def has_code_for(cuda: str, capability: Capability) -> bool:
    """Whether a wheel with that CUDA is known to run on such a GPU."""
    build = _BUILDS.get(cuda)
    return build is not None and build.can_run(capability)


def choose_cuda(driver: str, capabilities: Iterable[Capability]) -> str | None:
    """Return the CUDA of the wheel that this driver and all of these GPUs run, if there is one."""
    gpus = tuple(capabilities)
    for cuda in _OFFERED:
        oldest = find_oldest_driver(cuda)
        is_new_enough = oldest is not None and parse_version(driver) >= parse_version(oldest)
        if is_new_enough and all(has_code_for(cuda, capability) for capability in gpus):
            return cuda
    return None
