from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.forks import Forked
from tests.support.program import Endless, Program, short_folder, write_config

# So rarely that each checkpoint beside the first is of an end.
RARELY = ("--checkpoint-every", "1000000")


@pytest.fixture
def qca(tmp_path: Path) -> Program:
    """The program in an empty folder."""
    return Forked(tmp_path)


@contextmanager
def trainable_in(folder: Path, kind: type[Program] = Program) -> Iterator[Program]:
    write_config(folder)
    with short_folder() as temporary:
        yield kind(folder, {"TMPDIR": str(temporary)})


@pytest.fixture
def trainable(tmp_path: Path) -> Iterator[Program]:
    """The program in a folder with a tiny training, with a temporary folder of its own."""
    with trainable_in(tmp_path, Forked) as program:
        yield program


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endless]:
    """`qca up` without Docker, shared by a module's tests."""
    with (
        trainable_in(tmp_path_factory.mktemp("endless")) as program,
        closing(Endless(program, "up", "--runtime", "local", *RARELY)) as training,
    ):
        yield training
