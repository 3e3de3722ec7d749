from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.program import short_folder
from tests.support.trainer import Trainer
from tests.support.valkey import Valkey


@pytest.fixture
def store() -> Iterator[Valkey]:
    """A store that is empty after each restart."""
    with short_folder() as folder:
        server = Valkey(folder)
        server.start()
        yield server
        server.kill()


@pytest.fixture
def lasting_store() -> Iterator[Valkey]:
    """A store that restarts with the data that had reached its disk."""
    with short_folder() as folder:
        server = Valkey(folder, appendonly="yes")
        server.start()
        yield server
        server.kill()


@pytest.fixture(scope="session")
def reference_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of an undisturbed run with this number of episodes."""
    made: dict[tuple[int, tuple[str, ...]], Path] = {}

    def run(episodes: int, *words: str) -> Path:
        key = episodes, words
        if key not in made:
            trainer = Trainer(tmp_path_factory.mktemp("calm"), *words, episodes=episodes)
            assert trainer.end() == 0, trainer.read_stderr()
            made[key] = trainer.run
        return made[key]

    return run
