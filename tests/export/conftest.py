"""An automaton, and its files in every format."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from qca.automaton.automaton import Automaton
from qca.export.files import export_automaton
from tests.support.automata import lively_automaton

# ONNX takes seconds to export; what it shares with .pt2 is tested there.
ONNX = pytest.param("onnx", marks=pytest.mark.slow)
FORMATS = ("safetensors", "pth", "pt2", ONNX)


@pytest.fixture(scope="session")
def automaton(tmp_path_factory: pytest.TempPathFactory) -> Automaton:
    return lively_automaton(tmp_path_factory.mktemp("runs") / "first", update="unitary", gamma=0.05)


@dataclass(frozen=True)
class Exported:
    """The files of one automaton, each written when the first test needs it."""

    automaton: Automaton
    folder: Path

    def __getitem__(self, name: str) -> Path:
        path = self.folder / f"first.{name}"
        if not path.exists():
            export_automaton(self.automaton, path)
        return path


@pytest.fixture(scope="session")
def exports(automaton: Automaton, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The file of each format: `exports["onnx"]`."""
    return Exported(automaton, tmp_path_factory.mktemp("exports"))
