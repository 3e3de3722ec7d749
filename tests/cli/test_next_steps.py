"""The commands suggested at the end of a run."""

from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from qca.cli import next_steps
from qca.cli.next_steps import describe_complete_run


@pytest.mark.parametrize(
    ("folder", "name"), [("runs/first", "first"), ("elsewhere/first", "elsewhere/first")]
)
def test_they_name_the_run_or_its_folder(folder, name):
    assert describe_complete_run(Path(folder)).splitlines() == [
        f"Run folder: {folder}",
        f"Animate it: qca rollout {name}",
        f"Report on it: qca report {name}",
    ]


@pytest.mark.parametrize(
    ("missing", "command"), [("torch", "qca rollout first"), ("matplotlib", "qca report first")]
)
def test_they_name_the_package_that_a_command_needs(monkeypatch, missing, command):
    find = PathFinder.find_spec
    monkeypatch.setattr(
        next_steps, "find_spec", lambda name: None if name == missing else find(name)
    )
    [line] = [
        line for line in describe_complete_run(Path("runs/first")).splitlines() if "(" in line
    ]
    assert f"{command} (needs {missing}, which is not installed here" in line
