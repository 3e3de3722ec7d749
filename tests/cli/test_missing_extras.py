"""A command whose extra is not installed names the extra instead of ending with a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import environment

# As in a base install, none of these can be imported.
PROGRAM = """
import sys
for name in ("torch", "numpy", "safetensors", "jinja2", "markupsafe", "matplotlib", "websockets"):
    sys.modules[name] = None
from qca.cli import main
main()
"""


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        ("estimate --measure --profile cpu", "--measure needs the extra `train`: "),
        ("train --profile cpu --episodes 1", "the trainer needs the extra `train`: "),
        ("view first", "running an automaton needs the extra `train`: "),
        ("evaluate first", "running an automaton needs the extra `train`: "),
        ("report first", "the report needs the extra `report`: "),
    ],
)
def test_the_missing_extra_is_named(tmp_path: Path, words: str, reported: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words.split()],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"qca: {reported}")
