"""Complete the commands of remedies with the options of the `qca up` that shows them."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace

from infra.doctor.finding import Finding, Remedy
from qca.core.config import PROFILE_KEYS

_UP = "qca up"


def repeat_options(findings: Sequence[Finding], words: Sequence[str]) -> list[Finding]:
    """Return the findings; each `qca up` in their remedies has the user's options.

    `words` are the arguments of `qca`: `up`, and options as `--key=value`.
    """
    return [
        replace(
            finding, remedies=tuple(_complete_remedy(one, words[1:]) for one in finding.remedies)
        )
        for finding in findings
    ]


def _complete_remedy(remedy: Remedy, options: Sequence[str]) -> Remedy:
    return replace(
        remedy, commands=tuple(_complete_command(one, options) for one in remedy.commands)
    )


def _complete_command(command: str, options: Sequence[str]) -> str:
    """Add the options to `qca up` in a command, without those that the command replaces."""
    before, up, after = command.partition(_UP)
    if not up:
        return command
    keys = {key.lower() for key in re.findall(r"QCA_(?:STACK|TRAIN)_(\w+)=", before)}
    keys |= {key.replace("-", "_") for key in re.findall(r"--([\w-]+)", after)}
    if "profile" in keys:
        keys |= PROFILE_KEYS
    kept = [option for option in options if _find_key(option) not in keys]
    return " ".join([f"{before}{up}", *([shlex.join(kept)] if kept else [])]) + after


def _find_key(option: str) -> str:
    return option.partition("=")[0].removeprefix("--").replace("-", "_")
