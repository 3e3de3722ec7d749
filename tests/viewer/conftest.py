import pytest

from qca.automaton.automaton import Automaton
from tests.support.automata import lively_automaton


@pytest.fixture(scope="session")
def automaton(tmp_path_factory: pytest.TempPathFactory) -> Automaton:
    return lively_automaton(tmp_path_factory.mktemp("runs") / "first", update="unitary", gamma=0.0)
