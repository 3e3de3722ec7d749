"""A remedy is offered only if it helps: each test applies one and examines the result."""

import contextlib
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from infra.compose_file.line_edits import apply_edits
from infra.compose_file.load import read_compose_files
from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Remedy, Severity
from infra.doctor.fix import is_cleared
from qca.core.config import Config
from qca.core.config_loader import load_config
from tests.support.hosts import config
from tests.support.remedy_cases import FOUND, Trouble, write

FAULTS = (Severity.WARNING, Severity.ERROR)
# The commands whose plan can be computed: `qca up` with only settings and these options.
_QCA_UP = re.compile(r"(QCA_\w+=\S+ )*qca up( --(runtime|profile|store-port) \S+)*", re.ASCII)
_OPTIONS = {
    "--runtime": ("stack", "runtime", str),
    "--profile": ("train", "profile", str),
    "--store-port": ("stack", "store_port", int),
}


def _list_changes(command: str) -> Iterator[tuple[str, str, Any]]:
    """Yield the table, key and value of each setting in a `qca up` command."""
    words = shlex.split(command)
    variables = dict(word.split("=", 1) for word in words if word.startswith("QCA_"))
    loaded = load_config(environment=variables)
    for name in variables:
        table, key = name.removeprefix("QCA_").lower().split("_", 1)
        yield table, key, getattr(getattr(loaded, table), key)
    for option, value in pairwise(words):
        if option in _OPTIONS:
            table, key, read = _OPTIONS[option]
            yield table, key, read(value)


def _change_config(trouble: Trouble, command: str) -> Config:
    before = config(dict(trouble.stack), dict(trouble.train))
    tables: dict[str, dict[str, Any]] = {"stack": {}, "train": {}}
    for table, key, value in _list_changes(command):
        tables[table][key] = value
    return Config(
        before.stack.override(**tables["stack"]), before.train.override(**tables["train"])
    )


PLANNED = [
    pytest.param(trouble, finding, command, id=f"{finding.id}-{command}-{index}")
    for index, (trouble, found) in enumerate(FOUND)
    for finding in found
    for remedy in finding.remedies
    for command in remedy.commands
    if finding.severity in FAULTS and _QCA_UP.fullmatch(command)
]
EDITED = [
    pytest.param(trouble, finding, remedy, id=f"{finding.id}-{index}")
    for index, (trouble, found) in enumerate(FOUND)
    for finding in found
    for remedy in finding.remedies
    if remedy.edits
]


def test_there_are_remedies_to_test():
    assert len(PLANNED) > 30
    assert len(EDITED) > 8


@pytest.mark.parametrize(("trouble", "finding", "command"), PLANNED)
def test_the_host_after_the_remedy_has_no_finding(trouble: Trouble, finding: Finding, command: str):
    now = examine(trouble.host, _change_config(trouble, command))

    # A workaround may leave the fault as a warning, for example about an engine no longer in use.
    is_around = finding.severity is Severity.ERROR or finding.category == "docker"
    faults = (Severity.ERROR,) if is_around else FAULTS
    again = [one for one in now if one.id == finding.id and one.severity in faults]
    assert [one.message for one in again] == []


@pytest.mark.parametrize(("trouble", "finding", "remedy"), EDITED)
def test_the_file_after_the_edit_has_no_finding(
    tmp_path: Path, trouble: Trouble, finding: Finding, remedy: Remedy
):
    with contextlib.chdir(tmp_path):
        write(trouble, tmp_path)
        apply_edits(remedy.edits)
        file = read_compose_files([Path(next(iter(trouble.files)))], {})
        now = examine(trouble.host, config(), files=[file])

    if finding.category == "security":  # security checks have no ok findings
        assert not [one for one in now if one.is_check_failure]
        assert finding.subject not in [one.subject for one in now]
    else:
        assert is_cleared(finding, now), [one.message for one in now if one.id == finding.id]
