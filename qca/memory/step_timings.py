"""Cache the step times that `qca estimate --measure` measured on this machine, for later plans.

The keys are the device, torch's version and the model's sizes.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast, get_args

from qca.core.cache_folder import find_cache_folder, keep_cached, read_cached
from qca.core.config import ResolvedPrecision, ResolvedRecompute, Update
from qca.core.step_timing import StepTiming

_FILE = "step-timings.json"
_KEY = "timings"

_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("device", "torch", "update", "recompute", "precision"), str),
    **dict.fromkeys(("grid", "d_state", "hidden_channels", "batch_size"), int),
    **dict.fromkeys(("segment", "steps", "peak_bytes"), int),
    "seconds": float,
    "drift": (float, type(None)),
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "update": get_args(Update),
    "recompute": get_args(ResolvedRecompute),
    "precision": get_args(ResolvedPrecision),
}


def find_step_timings_file() -> Path:
    """Return the file that holds the timings. It may not exist yet."""
    return find_cache_folder() / _FILE


def read_step_timings(torch: str | None) -> tuple[StepTiming, ...]:
    """Return the timings measured with this version of torch."""
    return tuple(timing for timing in _read_all() if timing.torch == torch)


def keep_step_timings(timings: Sequence[StepTiming]) -> None:
    """Save the timings, replacing earlier ones with the same device, torch and sizes."""
    measured = {_identify(timing) for timing in timings}
    others = [timing for timing in _read_all() if _identify(timing) not in measured]
    keep_cached(_FILE, _KEY, [asdict(timing) for timing in (*others, *timings)])


def _identify(timing: StepTiming) -> StepTiming:
    """Return the timing's key: the timing without its number of steps and its results."""
    return replace(timing, steps=0, seconds=1.0, peak_bytes=0, drift=None)


def _read_all() -> list[StepTiming]:
    """Return the cached timings, or an empty list if any of them is damaged."""
    entries: Any = read_cached(_FILE, _KEY)
    if not isinstance(entries, list):
        return []
    found = cast("list[Any]", entries)
    return [StepTiming(**entry) for entry in found] if all(map(_is_valid, found)) else []


def _is_valid(entry: Any) -> bool:
    """Return whether an entry has the right keys and types; pydantic is too slow to import."""
    if not isinstance(entry, dict):
        return False
    values = cast("dict[str, Any]", entry)
    return (
        values.keys() == _TYPES.keys()
        and all(isinstance(values[name], kind) for name, kind in _TYPES.items())
        and all(values[name] in choices for name, choices in _CHOICES.items())
        and bool(values["seconds"] > 0)
    )
