"""A training's configuration as flags of `qca train`, and back.

Whatever starts a trainer in another process (Compose, Kubernetes, the local launch, torch's
elastic launcher) writes its configuration with `format_train_flags`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from qca.core.config import PROFILES, TrainConfig, apply_profile

# What a reader of the command line looks for, shown even where it is the default.
_ALWAYS = ("run", "device", "recompute")


def format_train_flags(config: TrainConfig) -> list[str]:
    """Return the flags of `qca train` that give `config`, without those at their default.

    The budget is left out: it only decides what is `auto`, and a trainer is given the decision.
    """
    defaults, from_profile = asdict(TrainConfig()), PROFILES.get(config.profile, {})
    flags = []
    for key, value in asdict(config).items():
        default = defaults[key]
        needed = value != default or value != from_profile.get(key, default)
        if key != "budget" and (needed or key in _ALWAYS):
            flags.append(f"{flag_name(key)}={value}")
    return flags


def parse_train_flags(flags: Sequence[str]) -> TrainConfig:
    """Return the configuration that flags of the form `--key=value` give, profile applied.

    Raises:
        pydantic.ValidationError: for an unknown key or a value that is not allowed.

    """
    values: dict[str, Any] = {}
    for flag in flags:
        name, _, value = flag.partition("=")
        values[name.removeprefix("--").replace("-", "_")] = value
    config = TrainConfig(**values)
    return config if config.profile == "auto" else apply_profile(config, config.profile)


def flag_name(key: str) -> str:
    """Return the flag of a configuration key: `--d-state` for `d_state`."""
    return f"--{key.replace('_', '-')}"
