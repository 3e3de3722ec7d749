"""The files for contributors name existing files, and CI runs the contributors' commands."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from tests.support.pages import ROOT

FORGE = ROOT / ".github"
WORKFLOWS = sorted((FORGE / "workflows").glob("*.yml"))
NOX = (ROOT / "noxfile.py").read_text()
SESSIONS = set(re.findall(r"@nox\.session\ndef (\w+)\(", NOX))
PAGES = [ROOT / "CODE_OF_CONDUCT.md", FORGE / "PULL_REQUEST_TEMPLATE.md"]


def _load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


CI = _load(".github/workflows/ci.yml")
STEPS = [step for job in CI["jobs"].values() for step in job["steps"]]


def test_ci_runs_the_script_that_runs_everything():
    assert any(step.get("run") == "bash .ci/run" for step in STEPS)
    assert "nox -s lint types docs" in (ROOT / ".ci" / "run").read_text()


def test_every_session_that_ci_names_exists():
    runs = [step.get("run", "") for step in STEPS] + [(ROOT / ".ci" / "run").read_text()]
    named = {
        name for run in runs for line in re.findall(r"nox -s (.+)", run) for name in line.split()
    }
    assert named >= {"lint", "types", "docs", "build"}
    assert named <= SESSIONS


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_may_only_read_and_leaves_no_token_behind(file):
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 90
        for step in job["steps"]:
            assert "uses" not in step or step["with"]["persist-credentials"] is False
            assert "${{" not in step.get("run", "")


def test_the_bug_form_asks_for_the_doctors_report():
    form = _load(".github/ISSUE_TEMPLATE/bug.yml")
    [field] = [one for one in form["body"] if one.get("id") == "doctor"]
    assert "`qca doctor --format markdown`" in field["attributes"]["description"]
    assert field["validations"]["required"]


def test_the_hooks_use_the_versions_of_the_development_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = set(project["optional-dependencies"]["dev"])
    hooks = _load(".pre-commit-config.yaml")["repos"][0]["hooks"]
    ruff = [one for hook in hooks for one in hook.get("additional_dependencies", ())]
    used = {one for one in ruff if one.startswith("ruff")}
    assert used
    assert used <= extra


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_everything_that_a_page_names_exists(page):
    text = page.read_text()
    for name in re.findall(r"\b((?:docs/)?[\w-]+\.md)\b", text):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize(
    ("subject", "is_refused"),
    [("x" * 72, False), ("x" * 73, True), (f"{'x' * 72}\n\n{'y' * 90}", False)],
)
def test_a_long_subject_is_refused(subject, is_refused):
    hooks = {hook["id"]: hook for hook in _load(".pre-commit-config.yaml")["repos"][0]["hooks"]}
    pattern = hooks["subject"]["entry"]
    assert bool(re.search(pattern, f"{subject}\n", re.M)) is is_refused
