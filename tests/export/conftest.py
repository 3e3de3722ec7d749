"""Automata that have been exported once in every format."""

from pathlib import Path

import pytest

from qca.automaton.automaton import Automaton
from qca.export.files import export_automaton
from tests.support.automata import lively_automaton

FORMATS = ("safetensors", "pth", "pt2", "onnx")


@pytest.fixture(scope="session")
def automaton(tmp_path_factory: pytest.TempPathFactory) -> Automaton:
    return lively_automaton(tmp_path_factory.mktemp("runs") / "first", update="unitary", gamma=0.05)


@pytest.fixture(scope="session")
def exported(automaton: Automaton, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the files, `first.FORMAT`."""
    folder = tmp_path_factory.mktemp("exported")
    for name in FORMATS:
        export_automaton(automaton, folder / f"first.{name}")
    return folder
