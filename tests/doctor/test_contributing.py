"""The steps of "Add a check" in docs/contributing.md work in a copy of the project."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.support.doctor_reports import SCHEMA
from tests.support.pages import BLOCK, ROOT, assert_printed, read_page

SECTION = read_page("contributing").partition("\n## Add a check\n")[2].partition("\n## ")[0]
FILES = [body for _, language, body in BLOCK.findall(SECTION) if language in ("python", "yaml")]
COMMANDS, REPORT = (
    next(body for _, language, body in BLOCK.findall(SECTION) if language == wanted)
    for wanted in ("sh", "")
)
COMPOSE_FILE = "services:\n  db:\n    image: redis\n"
DOCTOR = "qca doctor --files-only --only QCA799 compose.yaml"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project after all steps of the page that precede its commands."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "infra", project / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "qca").symlink_to(ROOT / "qca")
    (project / "docs").mkdir()
    (project / "tests" / "doctor" / "checks").mkdir(parents=True)
    for folder in ("support", "hosts"):
        (project / "tests" / folder).symlink_to(ROOT / "tests" / folder)
    (project / "compose.yaml").write_text(COMPOSE_FILE)
    for block in FILES:
        path = project / block.splitlines()[0].removeprefix("# ")
        path.write_text(block)
    _register(project / "infra/doctor/checks/__init__.py", "qca799_untagged_images")
    return project


def _register(registry: Path, module: str) -> None:
    """Add the module after the last import and the last check, because its ID is the highest."""
    imports, bracket, checks = registry.read_text().partition("\n)\n")
    assert bracket
    head, end, tail = checks.rpartition("\n)\n")
    assert end
    assert not tail
    registry.write_text(f"{imports}\n    {module},{bracket}{head}\n    {module}.CHECK,{end}")


def _run(project: Path, command: str) -> subprocess.CompletedProcess[str]:
    programs = Path(sys.executable).parent
    return subprocess.run(
        ["bash", "-c", command],
        cwd=project,
        env={
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(project),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_commands_of_the_page_print_what_it_says(project):
    outputs = [_run(project, command) for command in COMMANDS.splitlines()]

    assert COMMANDS.splitlines()[-1] == DOCTOR
    assert [done.returncode for done in outputs] == [0, 0, 0, 0], outputs
    assert "4 passed" in outputs[2].stdout
    assert_printed(REPORT, outputs[3].stdout)
    row = "| [QCA799](checks/QCA799.md) | file | An image without a tag |\n"
    assert row in (project / "docs/checks.md").read_text()
    page = (project / "docs/checks/QCA799.md").read_text()
    assert page.startswith("# QCA799: An image without a tag\n")
    assert "warning QCA799 Service db: the image redis has no tag" in page


def test_the_check_is_explained(project):
    done = _run(project, "qca explain QCA799")

    assert done.returncode == 0, done.stderr
    assert "QCA799: An image without a tag" in done.stdout
    assert "Without a tag Docker pulls `latest`" in " ".join(done.stdout.split())


def test_its_finding_is_in_every_format(project):
    document = json.loads(_run(project, f"{DOCTOR} --format json").stdout)
    markdown = _run(project, f"{DOCTOR} --format markdown").stdout
    github = _run(project, f"{DOCTOR} --format github").stdout

    jsonschema.validate(document, SCHEMA)
    (finding,) = document["findings"]
    assert (finding["id"], finding["severity"]) == ("QCA799", "warning")
    assert finding["location"] == {"file": "compose.yaml", "line": 3}
    assert "QCA799 Service db: the image redis has no tag" in markdown
    assert github.startswith("::warning file=compose.yaml,line=3,title=QCA799 ")


def test_a_judge_that_raises_is_an_error(project):
    module = project / "infra/doctor/checks/qca799_untagged_images.py"
    text = module.read_text()
    module.write_text(text.replace("    name = service.name\n", "    name = service.nonsense\n"))

    done = _run(project, DOCTOR)

    module.write_text(text)
    assert done.returncode == 1
    message = "This check failed, which is a defect in qca: AttributeError"
    assert message in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr
