"""The cached memory of a training run without tensors."""

from pathlib import Path

import pytest

from qca.core.units import MIB
from qca.memory.resident_floor import keep_resident_floor


def cache_resident_floor(cache: Path) -> None:
    """Cache a figure in this `XDG_CACHE_HOME`, so that no training is run to measure it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        keep_resident_floor(300 * MIB)
