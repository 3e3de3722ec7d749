"""Cache the measured memory that a training run on a CPU takes apart from its tensors.

See `qca.memory.context`. `infra.host.resident_floor` measures it. The figure differs by a factor of
two between wheels of the same version of torch.
"""

import platform
from importlib import metadata

from qca.core.cache_folder import keep_cached, read_cached
from qca.core.distribution import DISTRIBUTION

_FILE = "resident-floor.json"


def read_resident_floor() -> int | None:
    """Return the bytes measured for this torch build, or None if there is no measurement."""
    found = read_cached(_FILE, _describe_build())
    return found if isinstance(found, int) and found > 0 else None


def keep_resident_floor(size: int) -> None:
    """Save the measurement for this torch build."""
    keep_cached(_FILE, _describe_build(), size)


def _describe_build() -> str:
    """Return a line that identifies the torch build; an environment has only one."""
    parts = (
        f"torch {_find_version('torch')} in {_find_folder('torch')}",
        f"qca {_find_version(DISTRIBUTION)}",
        f"Python {platform.python_version()}",
        f"{platform.system()} {platform.machine()}",
    )
    return ", ".join(parts)


def _find_version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _find_folder(distribution: str) -> str | None:
    try:
        return str(metadata.distribution(distribution).locate_file(""))
    except metadata.PackageNotFoundError:
        return None
