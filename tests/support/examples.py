"""Check the examples of the checks; as a program, update the recorded output of the doctor.

python -m tests.support.examples
"""

import contextlib
import json
import re
import tempfile
import tomllib
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from infra.compose_file.model import ComposeFile
from infra.doctor.catalogue import find_check
from infra.doctor.examine import examine
from infra.doctor.examined_files import read_examined_files
from infra.doctor.examples import EXAMPLES, Example
from infra.doctor.finding import Finding, Severity
from infra.doctor.formats.text import render_details
from infra.host.facts import EngineAnswers, HostFacts, Known
from infra.host.recording import load
from qca.core.config import Config
from tests.support.hosts import config

HOSTS = Path(__file__).parents[1] / "hosts"
_ALTERNATIVES = ("state", "found", "kind")
"""Keys that distinguish the kinds of a fact."""


def judge_example(check_id: str, example: Example) -> list[Finding]:
    """Return the findings of the check in the example."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return examine(
            _make_host(example),
            _make_config(example),
            files=_read_files(example),
            checks=[find_check(check_id)],
            engine_answers=EngineAnswers(
                networks=Known(value=frozenset(example.networks)),
                volumes=Known(value=frozenset()),
                containers=Known(value=example.containers),
                subnets=Known(value={}),
            ),
        )


def format_report(findings: list[Finding]) -> str:
    """Return the findings as the doctor prints them, without passed ones."""
    faults = [finding for finding in findings if finding.severity is not Severity.OK]
    if not faults:
        return ""
    text = re.sub(r"  more: qca explain \w+\n", "", render_details(faults))
    # The only path that depends on where qca is installed.
    return re.sub(r"\S+/infra/data/", ".../infra/data/", text)


def _make_host(example: Example) -> HostFacts:
    document = json.loads((HOSTS / f"{example.host}.json").read_text())
    for name, changes in (YAML(typ="safe").load(example.facts) or {}).items():
        value = document.get(name, {}).get("value")
        document[name] = {"known": True, "value": _change(value, changes)}
    path = Path("host.json")
    path.write_text(json.dumps(document))
    return load(path)


def _change(value: Any, changes: Any) -> Any:
    if not (isinstance(value, dict) and isinstance(changes, dict)):
        return changes
    if any(key in changes and changes[key] != value.get(key) for key in _ALTERNATIVES):
        return changes
    return {**value, **{key: _change(value.get(key), one) for key, one in changes.items()}}


def _make_config(example: Example) -> Config:
    return config(**tomllib.loads(example.config))


def _read_files(example: Example) -> list[ComposeFile]:
    if not example.compose:
        return []
    path = Path("compose.yaml")
    path.write_text(example.compose)
    return [read_examined_files([path], {})]


def main() -> None:
    """Update the doctor's output in each example."""
    yaml = YAML()
    yaml.width = 1000
    yaml.preserve_quotes = True
    for path in sorted(EXAMPLES.glob("*.yaml")):
        document = yaml.load(path)
        for one in document.values():
            one.pop("report", None)
            report = format_report(judge_example(path.stem, Example(**one)))
            if report:
                one["report"] = LiteralScalarString(report)
        out = StringIO()
        yaml.dump(document, out)
        path.write_text(out.getvalue())


if __name__ == "__main__":
    main()
