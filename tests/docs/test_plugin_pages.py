"""The packages of the pages about plugins can be built, and `qca` finds what they add."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.automata import write_trained_run
from tests.support.pages import find_blocks, read_page
from tests.support.program import QCA, environment

PAGES = ("add-a-field", "add-a-loss", "add-an-initial-state")


def build_wheel(page: str, folder: Path) -> Path:
    """Build the page's module with the page's pyproject.toml, as `pip install` would."""
    module = re.findall(r"`(\w+\.py)`", read_page(page))[0]
    [code], [project] = find_blocks(page, "python"), find_blocks(page, "toml")
    folder.mkdir()
    (folder / module).write_text(code)
    (folder / "pyproject.toml").write_text(project)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(folder)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = (folder / "dist").iterdir()
    return wheel


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed packages of all pages."""
    folder = tmp_path_factory.mktemp("plugins")
    for page in PAGES:
        with zipfile.ZipFile(build_wheel(page, folder / page)) as wheel:
            wheel.extractall(folder / "installed")
    return folder / "installed"


@pytest.mark.parametrize(
    "command",
    [
        "qca rollout first --steps 2 --start stripes --field speed:1",
        "qca train --run new --loss quiet --episodes 1 --steps 4 --grid 8 --hidden-channels 4",
    ],
)
def test_commands_use_what_they_add(packages, tmp_path, command):
    write_trained_run(tmp_path / "runs" / "first")
    variables = environment(PYTHONPATH=str(packages), PATH=f"{QCA.parent}:{os.environ['PATH']}")
    done = subprocess.run(
        command.split(), cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
