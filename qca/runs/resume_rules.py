"""Decide which configuration keys a resumed run keeps, and which may change. Works without torch.

docs/configuration.md lists the same rules in a table. A key that is neither in `UNRECORDED` nor in
`RECORDED` is fixed: if it changed halfway, no single configuration would describe the run.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qca.core.config import PROFILE_KEYS, TrainConfig
from qca.core.errors import InputError
from qca.core.units import format_count

UNRECORDED = frozenset(
    {
        "run",  # the name of the folder
        "profile",  # only sets other keys
        "device",
        "recompute",
        "segment",
        "tapes",
        "optimizer_state",
        "budget",
    }
)
"""Keys that decide where and how a run is computed. Each session's `started` event has their values
for that session."""

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

CHOSEN_ANEW = frozenset({"run", "device", "recompute", "optimizer_state", "budget"})
"""Keys that a resumed run does not keep: the machine may be another one, or have less memory."""

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


def require_effect(
    config: TrainConfig, saved: Mapping[str, Any], source: Path, *, trained: int
) -> None:
    """Raise InputError if the user set a value that has no effect on a complete run."""
    before, now = find_changes(config, saved)
    for key in now:
        if key in _NEEDS_EPISODES & config.given:
            raise InputError(
                f"{source}: this run is complete, so {key} {now[key]!r} has no effect; "
                f"it was trained with {before[key]!r}",
                hint=f"Omit {key}, or train further: set --episodes to more than {trained:,}.",
            )


def require_episodes(
    config: TrainConfig, saved: Mapping[str, Any], source: Path, *, trained: int
) -> None:
    """Raise InputError if an unfinished run of `trained` episodes would end before its last one."""
    before = saved.get("episodes", config.episodes)
    if config.episodes < trained < before:
        done = format_count(trained, "episode")
        raise InputError(
            f"{source}: this run has trained {done}, so episodes {config.episodes:,} is too few",
            hint=f"Omit episodes to train on to {before:,}, or set --episodes {trained} to end the "
            "run there.",
        )


def keep_settings(config: TrainConfig, saved: TrainConfig, *, trained: int) -> TrainConfig:
    """Return `config` with the values of the run that is resumed, for the keys that are not set.

    A profile that the user names sets its keys anew, unless it is the run's. A complete run of
    `trained` episodes keeps their number if the user sets fewer.
    """
    names_profile = config.profile not in ("auto", saved.profile)
    unset = {field for field in asdict(saved) if not _is_set(config, field)} - CHOSEN_ANEW
    kept = {key: getattr(saved, key) for key in unset} | _select_segments(config, saved, unset)
    kept |= _select_episodes(config, saved, trained)
    if names_profile:
        kept = {key: value for key, value in kept.items() if key not in PROFILE_KEYS}
    return config.keep(**{key: value for key, value in kept.items() if value != "auto"})


def _is_set(config: TrainConfig, key: str) -> bool:
    return key in config.given and getattr(config, key) != "auto"


def _select_segments(config: TrainConfig, saved: TrainConfig, unset: set[str]) -> dict[str, Any]:
    """Return the run's own segment and tapes, which determine how sums are rounded.

    Runs older than these keys used single steps, and recomputed all of them or none.
    """
    older_tapes = saved.steps if saved.recompute == "none" else 0
    segment = saved.segment if "segment" in saved.given else 1
    tapes = saved.tapes if "tapes" in saved.given else older_tapes
    if config.recompute == "none":
        tapes = "auto"  # the user asks for all of them
    return {key: value for key, value in (("segment", segment), ("tapes", tapes)) if key in unset}


def _select_episodes(config: TrainConfig, saved: TrainConfig, trained: int) -> dict[str, int]:
    episodes = max(saved.episodes, trained)  # older versions could record fewer than trained
    is_complete = trained >= saved.episodes
    if not _is_set(config, "episodes") or (is_complete and config.episodes < episodes):
        return {"episodes": episodes}
    return {}


def restore_ineffective(
    config: TrainConfig, saved: Mapping[str, Any], *, trained: int
) -> TrainConfig:
    """Return `config` with the values that a complete run was trained with.

    Its episodes are those that the user set, but at least the `trained` ones.
    """
    before, _ = find_changes(config, saved)
    values = {key: before[key] for key in before if key in _NEEDS_EPISODES}
    return config.override(**values, episodes=max(config.episodes, trained))
