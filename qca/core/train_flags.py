"""Write a run's configuration as flags that `qca train` parses to the same configuration.

All code that starts a trainer in another process (Compose, Kubernetes, the local launch, torch's
elastic launcher) builds its command with `format_train_command`.
"""

from dataclasses import asdict
from pathlib import Path

from qca.core.config import PROFILES, TrainConfig

# Keys that a reader of the command line looks for; always written, even at their default.
_ALWAYS = ("run", "device", "recompute")


def format_train_flags(config: TrainConfig) -> list[str]:
    """Return the flags of `qca train` for `config`; most keys at their default are omitted.

    A key that the user set is written, so that it also changes a run that had another value. A run
    that is resumed as it is gets the flags with which it was started.
    The budget is always omitted: it only resolves `auto`, and a trainer gets the resolved values.
    """
    defaults, from_profile = asdict(TrainConfig()), PROFILES.get(config.profile, {})
    flags: list[str] = []
    for key, value in asdict(config).items():
        default = defaults[key]
        is_needed = value != default or value != from_profile.get(key, default)
        is_set = key in config.given - config.kept and key not in from_profile
        is_needed |= is_set or key in _ALWAYS
        if key != "budget" and is_needed:
            flags.append(f"{format_flag_name(key)}={value}")
    return flags


def format_train_command(
    config: TrainConfig,
    *,
    runs: str | Path,
    progress: str = "json",
    resume: bool = False,
    store: str | None = None,
    store_flags: str | Path | None = None,
    init: Path | None = None,
) -> list[str]:
    """Return the arguments with which `qca` trains `config`: the subcommand and its flags."""
    options = {
        "runs": runs,
        "progress": progress,
        "store": store,
        "store-flags": store_flags,
        "init": init,
    }
    return [
        "train",
        *format_train_flags(config),
        *(["--resume"] if resume else []),
        *(f"--{name}={value}" for name, value in options.items() if value is not None),
    ]


def format_flag_name(key: str) -> str:
    """Return the flag of a configuration key: `--d-state` for `d_state`."""
    return f"--{key.replace('_', '-')}"
