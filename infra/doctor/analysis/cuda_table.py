"""List each CUDA version with its drivers and the GPUs that PyTorch's builds for it support.

The drivers are from tables 2 and 3 of https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/, and
from https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html. PyTorch's
Linux x86-64 builds are from https://github.com/pytorch/pytorch/blob/main/RELEASE.md, and those for
CUDA 12.8 and 12.9 from https://dev-discuss.pytorch.org/t/3128.
"""

from collections.abc import Iterable

from qca.core.frozen import frozen_dataclass
from qca.core.versions import parse_version

Capability = tuple[int, int]


@frozen_dataclass
class _TorchBuild:
    """The GPUs supported by PyTorch's builds with one CUDA version."""

    native: tuple[Capability, ...]
    ptx: Capability | None = None
    """The GPU that the intermediate code targets; the code also runs on any newer GPU. None if
    there is none."""
    some_releases: tuple[Capability, ...] = ()
    """The GPUs that only some releases of PyTorch support."""

    def can_run(self, capability: Capability) -> bool | None:
        """Return whether the GPU can run the build; None if that depends on PyTorch's release.

        Machine code runs on GPUs with the same major version and the same or a newer minor version.
        """
        if self.ptx is not None and capability >= self.ptx:
            return True
        if _is_covered(capability, self.native):
            return True
        return None if _is_covered(capability, self.some_releases) else False


def _is_covered(capability: Capability, native: tuple[Capability, ...]) -> bool:
    return any(
        architecture[0] == capability[0] and architecture <= capability for architecture in native
    )


_UP_TO_HOPPER = _TorchBuild(((5, 0), (6, 0), (7, 0), (7, 5), (8, 0), (8, 6), (9, 0)))
_FROM_TURING = _TorchBuild(((7, 5), (8, 0), (8, 6), (9, 0), (10, 0), (12, 0)), (12, 0))
_FROM_VOLTA = _TorchBuild(_FROM_TURING.native, (12, 0), some_releases=((7, 0),))


@frozen_dataclass
class _Cuda:
    """A release of CUDA."""

    version: str
    oldest_driver: str
    """The oldest driver that can run it, thanks to minor-version compatibility. It is the same for
    all releases of a major version."""
    own_driver: str
    """The driver that was released with it, which is the first to report this CUDA version."""
    torch: _TorchBuild | None = None


_TABLE = {
    row.version: row
    for row in (
        _Cuda("11.8", "450.80.02", "520.61.05", _UP_TO_HOPPER),
        _Cuda("12.0", "525.60.13", "525.60.13"),
        _Cuda("12.1", "525.60.13", "530.30.02", _UP_TO_HOPPER),
        _Cuda("12.2", "525.60.13", "535.54.03"),
        _Cuda("12.3", "525.60.13", "545.23.06"),
        _Cuda("12.4", "525.60.13", "550.54.14", _UP_TO_HOPPER),
        _Cuda("12.5", "525.60.13", "555.42.02"),
        _Cuda("12.6", "525.60.13", "560.28.03", _UP_TO_HOPPER),
        _Cuda("12.8", "525.60.13", "570.26", _FROM_VOLTA),
        _Cuda("12.9", "525.60.13", "575.51.03", _FROM_VOLTA),
        _Cuda("13.0", "580.65.06", "580.65.06", _FROM_TURING),
        _Cuda("13.1", "580.65.06", "590.44.01"),
        _Cuda("13.2", "580.65.06", "595.45.04", _FROM_TURING),
    )
}

# The wheels that the doctor offers; torch's default comes first.
_OFFERED = ("13.0", "12.6")


def find_oldest_driver(cuda: str) -> str | None:
    """Return the oldest driver that can run a CUDA version, or None if unknown."""
    major = parse_version(cuda)[:1]
    rows = (row for row in _TABLE.values() if major and parse_version(row.version)[:1] == major)
    return next((row.oldest_driver for row in rows), None)


def find_own_driver(cuda: str) -> str | None:
    """Return the driver that was released with a CUDA version, or None if unknown."""
    row = _TABLE.get(cuda)
    return row.own_driver if row else None


def has_code_for(cuda: str, capability: Capability) -> bool | None:
    """Return whether PyTorch's builds with a CUDA version run on a GPU, or None if unknown."""
    row = _TABLE.get(cuda)
    return row.torch.can_run(capability) if row and row.torch else None


def choose_cuda(driver: str, capabilities: Iterable[Capability]) -> str | None:
    """Return the CUDA version of a wheel that the driver and all the GPUs can run, or None."""
    gpus = tuple(capabilities)
    for cuda in _OFFERED:
        oldest = find_oldest_driver(cuda)
        is_new_enough = oldest is not None and parse_version(driver) >= parse_version(oldest)
        if is_new_enough and all(has_code_for(cuda, capability) for capability in gpus):
            return cuda
    return None
