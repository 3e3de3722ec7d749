"""A `qca.toml` to start from: the keys that count, each with its meaning, none of them set."""

import json
from textwrap import wrap

from qca.core.config import PROFILES, StackConfig, TrainConfig, describe_keys

_HEAD = """\
# What qca trains, and how it is launched. Nothing is set here yet: a line without its # is.
# A flag (--grid 64) wins over the environment (QCA_TRAIN_GRID=64), and that over this file.
# docs/configuration.md has every key.
"""

_STACK_KEYS = ("runtime", "project", "maxmemory", "store_port", "gpus")
_TRAIN_KEYS = (
    *("run", "profile", "device"),
    *("grid", "d_state", "hidden_channels", "steps"),
    *("episodes", "batch_size", "loss", "learning_rate", "seed"),
    *("budget", "checkpoint_every"),
)

# For keys without a default.
_EXAMPLES = {"maxmemory": "2GiB", "store_port": 6379, "budget": "3.68GiB"}

_WIDTH = 88


def render_template() -> str:
    """Return the file's text; as it is, it gives the default configuration."""
    return "\n".join(
        (
            _HEAD,
            "[stack]",
            *_render_keys(StackConfig(), _STACK_KEYS),
            "",
            "[train]",
            *_comment(f"The profile cpu stands for {_describe_profile('cpu')}."),
            *_render_keys(TrainConfig(), _TRAIN_KEYS),
            "",
        )
    )


def _render_keys(defaults: StackConfig | TrainConfig, keys: tuple[str, ...]) -> list[str]:
    meanings = describe_keys(type(defaults))
    lines = []
    for key in keys:
        default = getattr(defaults, key)
        value = _EXAMPLES[key] if default is None else default
        note = " For example:" if default is None else ""
        lines += _comment(meanings[key] + note)
        lines.append(f"#{key} = {json.dumps(value)}")
    return lines


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, _WIDTH)]


def _describe_profile(name: str) -> str:
    return ", ".join(f"{key} = {value}" for key, value in PROFILES[name].items())
