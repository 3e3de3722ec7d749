"""Load the examples of a check: a situation that it reports, and one that passes.

Each check has a file `infra/data/examples/ID.yaml` with the keys `bad` and `good`. A test runs them
all, so the pages about the checks show the doctor's real output.
"""

# ruamel.yaml's annotations are incomplete.
# pyright: reportUnknownMemberType=false
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from qca.core.frozen import frozen_dataclass

EXAMPLES = Path(__file__).parents[1] / "data" / "examples"


@frozen_dataclass
class Example:
    """A situation that a check reports, or one that passes it."""

    when: str
    """A sentence that describes the situation."""
    host: str
    """The name of the recorded host in `tests/hosts`."""
    facts: str = ""
    """Facts that differ from that host's, as YAML."""
    config: str = ""
    """The text of `qca.toml`, if there is one."""
    compose: str = ""
    """The text of `compose.yaml`, if there is one."""
    networks: tuple[str, ...] = ()
    """Networks that the engine has."""
    containers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Containers that the engine has, each with its Compose project."""
    report: str = ""
    """The doctor's report; empty if the check passes."""


def list_examples(check_id: str) -> tuple[tuple[str, Example], ...]:
    """Return the two examples of a check with their headings; an empty tuple if it has no file."""
    path = EXAMPLES / f"{check_id}.yaml"
    if not path.exists():
        return ()
    document = _parse(path)
    return (
        ("Example: reported", Example(**document["bad"])),
        ("Example: passed", Example(**document["good"])),
    )


def list_example_parts(example: Example) -> tuple[tuple[str, str, str], ...]:
    """Return the parts of an example, each as its caption, its language and its text."""
    parts = (
        ("With these facts about the host changed:", "yaml", example.facts),
        ("With this `qca.toml`:", "toml", example.config),
        ("With this `compose.yaml`:", "yaml", example.compose),
        (f"On the recorded host `{example.host}`, the doctor reports:", "", example.report),
    )
    passed = (f"On the recorded host `{example.host}`, the check passes.", "", "")
    return (*(part for part in parts if part[2]), *(() if example.report else (passed,)))


def _parse(path: Path) -> Any:
    # This import is slow, and only the pages and `qca explain` need it.
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(path)
