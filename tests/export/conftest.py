"""An automaton and its exported file in each format."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from qca.automaton.automaton import Automaton
from qca.export.files import export_automaton
from tests.support.automata import lively_automaton

# An ONNX export takes seconds, so the code that it shares with .pt2 is tested there.
ONNX = pytest.param("onnx", marks=pytest.mark.slow)
FORMATS = ("safetensors", "pth", "pt2", ONNX)


@pytest.fixture(scope="session")
def automaton(tmp_path_factory: pytest.TempPathFactory) -> Automaton:
    return lively_automaton(tmp_path_factory.mktemp("runs") / "first", update="unitary", gamma=0.05)


@dataclass(frozen=True)
class Exported:
    """The exported files of one automaton, each written when a test first needs it."""

    automaton: Automaton
    folder: Path

    def __getitem__(self, name: str) -> Path:
        path = self.folder / f"first.{name}"
        if not path.exists():
            export_automaton(self.automaton, path)
        return path


@pytest.fixture(scope="session")
def exports(automaton: Automaton, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Return the exported files by format: `exports["onnx"]`."""
    return Exported(automaton, tmp_path_factory.mktemp("exports"))
