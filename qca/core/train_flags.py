"""Write a run's configuration as flags that `qca train` parses to the same configuration.

All code that starts a trainer in another process (Compose, Kubernetes, the local launch, torch's
elastic launcher) passes the configuration with `format_train_flags`.
"""

from dataclasses import asdict

from qca.core.config import PROFILES, TrainConfig

# Keys that a reader of the command line looks for; always written, even at their default.
_ALWAYS = ("run", "device", "recompute")


def format_train_flags(config: TrainConfig) -> list[str]:
    """Return the flags of `qca train` for `config`; most keys at their default are omitted.

    The budget is always omitted: it only resolves `auto`, and a trainer gets the resolved values.
    """
    defaults, from_profile = asdict(TrainConfig()), PROFILES.get(config.profile, {})
    flags: list[str] = []
    for key, value in asdict(config).items():
        default = defaults[key]
        is_needed = value != default or value != from_profile.get(key, default)
        if key != "budget" and (is_needed or key in _ALWAYS):
            flags.append(f"{format_flag_name(key)}={value}")
    return flags


def format_flag_name(key: str) -> str:
    """Return the flag of a configuration key: `--d-state` for `d_state`."""
    return f"--{key.replace('_', '-')}"
