"""The step times that were measured on this machine, kept for later plans.

`qca estimate --measure` measures them. They are kept by device, torch and the model's sizes.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, cast

from qca.core.cache_folder import keep_cached, read_cached
from qca.core.step_timing import StepTiming

_FILE = "step-timings.json"
_KEY = "timings"


def read_step_timings(torch: str | None) -> tuple[StepTiming, ...]:
    """Return what was measured with this version of torch."""
    return tuple(timing for timing in _read_all() if timing.torch == torch)


def keep_step_timings(timings: Sequence[StepTiming]) -> None:
    """Keep the timings, in place of earlier ones of the same device, torch and sizes."""
    measured = {_identify(timing) for timing in timings}
    others = [timing for timing in _read_all() if _identify(timing) not in measured]
    keep_cached(_FILE, _KEY, [asdict(timing) for timing in (*others, *timings)])


def _identify(timing: StepTiming) -> StepTiming:
    """Return the timing without its results."""
    return replace(timing, steps=0, seconds=1.0, peak_bytes=0, drift=None)


def _read_all() -> list[StepTiming]:
    """Return what the cache holds; nothing if the file is damaged."""
    entries = read_cached(_FILE, _KEY)
    if not isinstance(entries, list) or not entries:
        return []
    from pydantic import TypeAdapter, ValidationError  # slow to load, and rarely needed

    try:
        return TypeAdapter(list[StepTiming]).validate_python(cast("list[Any]", entries))
    except ValidationError:
        return []
