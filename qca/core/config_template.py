"""The `qca.toml` that `qca init` writes: the main keys, each explained and commented out."""

import json
from textwrap import wrap

from qca.core.config import PROFILES, StackConfig, TrainConfig, describe_keys

_HEAD = """\
# What qca trains and how it is launched. Remove the # in front of a key to set it.
# A flag (--grid 64) overrides the environment (QCA_TRAIN_GRID=64), which overrides this file.
# docs/configuration.md lists every key.
"""

_STACK_KEYS = ("runtime", "project", "maxmemory", "store_port", "gpus")
_TRAIN_KEYS = (
    *("run", "profile", "device"),
    *("grid", "d_state", "hidden_channels", "steps"),
    *("episodes", "batch_size", "loss", "learning_rate", "seed"),
    *("budget", "checkpoint_every"),
)

# Examples for the keys without a default.
_EXAMPLES = {"maxmemory": "2GiB", "store_port": 6379, "budget": "3.68GiB"}

_WIDTH = 88


def render_template() -> str:
    """Return the file's text; unchanged, it gives the default configuration."""
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
    lines: list[str] = []
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
