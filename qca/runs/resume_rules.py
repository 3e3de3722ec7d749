"""Decide which configuration keys may change when a run resumes. Works without torch.

docs/configuration.md has the same rules as a table. A key in neither set is fixed: if it changed
halfway, no configuration would describe the run.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qca.core.config import TrainConfig
from qca.core.errors import InputError

UNRECORDED = frozenset(
    {
        "run",  # the name of the folder
        "profile",  # only sets other keys
        "device",
        "recompute",
        "segment",  # the run keeps its own, see `restore_segments`
        "tapes",  # likewise
        "optimizer_state",
        "budget",
    }
)
"""Keys that decide where and how a run is computed. Each session's `started` event has its values.
"""

RECORDED = frozenset(
    {
        "episodes",
        "loss",
        "max_noise",
        "learning_rate",  # the halvings so far are kept
        "weight_decay",
        "checkpoint_every",
        "keep_checkpoints",
    }
)
"""Keys that affect training from the change on. A change is recorded as an event of the run."""

# Keys that affect a complete run only together with more episodes.
_NEEDS_EPISODES = RECORDED - {"episodes"}

Values = dict[str, float | int | str]
"""Configuration values by key."""


def require_same_config(config: TrainConfig, saved: Mapping[str, Any], source: Path) -> None:
    """Raise InputError for the first key that is unknown, or that changed although it is fixed."""
    unknown = sorted(saved.keys() - asdict(config).keys())
    if unknown:
        raise InputError(
            f"{source}: unknown key {unknown[0]!r}: another version of qca started this run",
            hint="Resume it with that version, or start another run with --run NAME.",
        )
    given = asdict(config)
    defaults = asdict(TrainConfig())  # use defaults for keys that are newer than the run
    for key, value in given.items():
        before = saved.get(key, defaults[key])
        if key not in UNRECORDED | RECORDED and before != value:
            raise InputError(
                f"{source}: {key} was {before!r} when this run was started and is now {value!r}",
                hint=f"Set {key} back to {before!r}, or start another run with --run NAME.",
            )


def find_changes(config: TrainConfig, saved: Mapping[str, Any]) -> tuple[Values, Values]:
    """Return the recorded keys that differ, with the values of `saved` and those of `config`."""
    now = {key: value for key, value in asdict(config).items() if key in RECORDED}
    changed = [key for key, value in now.items() if saved.get(key, value) != value]
    return {key: saved[key] for key in changed}, {key: now[key] for key in changed}


def require_effect(config: TrainConfig, saved: Mapping[str, Any], source: Path) -> None:
    """Raise InputError if the user set a value that has no effect on a complete run."""
    before, now = find_changes(config, saved)
    for key in now:
        if key in _NEEDS_EPISODES & config.given:
            raise InputError(
                f"{source}: this run is complete, so {key} {now[key]!r} has no effect; "
                f"it was trained with {before[key]!r}",
                hint=f"Omit {key}, or train on: set --episodes to more than {config.episodes}.",
            )


def restore_segments(config: TrainConfig, saved: Mapping[str, Any]) -> TrainConfig:
    """Return `config` with the run's own segment and tapes, which determine how sums are rounded.

    Runs older than these keys used single steps, and recomputed all of them or none.
    """
    segment = saved.get("segment", 1)
    if _is_count(segment) and segment >= 1:
        config = config.override(segment=segment)
    tapes = saved.get("tapes", config.steps if saved.get("recompute") == "none" else 0)
    if not _is_count(tapes):
        return config
    if config.recompute == "none" and tapes < config.steps:
        config = config.override(recompute="step")
    return config.override(tapes=tapes)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def restore_ineffective(config: TrainConfig, saved: Mapping[str, Any]) -> TrainConfig:
    """Return `config` with the values that a complete run was trained with, except its episodes."""
    before, _ = find_changes(config, saved)
    return config.override(**{key: before[key] for key in before if key in _NEEDS_EPISODES})
