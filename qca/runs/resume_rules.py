"""What of a run's configuration may change when it is continued. Needs no torch.

docs/configuration.md has the same as a table. A key that stands in neither set is fixed: changing
it half-way would make a run that no configuration describes.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qca.core.config import TrainConfig
from qca.core.errors import InputError

UNRECORDED = frozenset(
    {
        "run",  # the folder's name says it
        "profile",  # only a source of other values
        "device",
        "recompute",
        "segment",  # the run's own is kept, see `restore_segment`
        "optimizer_state",
        "budget",
    }
)
"""Where and how a run is computed. The `started` event of each session has what it used."""

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
"""What is learned from then on, and how long. A change is an event of the run."""

# On a run that is complete, another number of episodes alone has an effect.
_NEEDS_EPISODES = RECORDED - {"episodes"}

Values = dict[str, float | int | str]
"""Configuration values by key."""


def require_same_config(config: TrainConfig, saved: Mapping[str, Any], source: Path) -> None:
    """Raise InputError for the first unknown key, or one that changed and must not."""
    unknown = sorted(saved.keys() - asdict(config).keys())
    if unknown:
        raise InputError(
            f"{source}: unknown key {unknown[0]!r}: this run is of another version of qca",
            hint="Go on with the version that started it, or start another run with --run NAME.",
        )
    given = asdict(config)
    defaults = asdict(TrainConfig())  # for keys younger than the run
    for key, value in given.items():
        before = saved.get(key, defaults[key])
        if key not in UNRECORDED | RECORDED and before != value:
            raise InputError(
                f"{source}: {key} was {before!r} when this run was started and is now {value!r}",
                hint=f"Set {key} back to {before!r}, or start another run with --run NAME.",
            )


def find_changes(config: TrainConfig, saved: Mapping[str, Any]) -> tuple[Values, Values]:
    """Return the recorded keys whose values differ: those of `saved`, and those of `config`."""
    now = {key: value for key, value in asdict(config).items() if key in RECORDED}
    changed = [key for key, value in now.items() if saved.get(key, value) != value]
    return {key: saved[key] for key in changed}, {key: now[key] for key in changed}


def require_effect(config: TrainConfig, saved: Mapping[str, Any], source: Path) -> None:
    """Raise InputError for a value that was given to a complete run and would do nothing."""
    before, now = find_changes(config, saved)
    for key in now:
        if key in _NEEDS_EPISODES & config.given:
            raise InputError(
                f"{source}: this run is complete: {key} {now[key]!r} has no effect, "
                f"it was trained with {before[key]!r}",
                hint=f"Leave {key} out, or add episodes: --episodes with more than "
                f"{config.episodes}.",
            )


def restore_segment(config: TrainConfig, saved: Mapping[str, Any]) -> TrainConfig:
    """Return `config` with the segment that a run has so far: its sums run in that order."""
    segment = saved.get("segment", 1)  # a run that is older than segments had single steps
    is_count = isinstance(segment, int) and not isinstance(segment, bool) and segment >= 1
    return config.override(segment=segment) if is_count else config


def restore_ineffective(config: TrainConfig, saved: Mapping[str, Any]) -> TrainConfig:
    """Return `config` as a complete run was trained with it: only its episodes may differ."""
    before, _ = find_changes(config, saved)
    return config.override(**{key: before[key] for key in before if key in _NEEDS_EPISODES})
