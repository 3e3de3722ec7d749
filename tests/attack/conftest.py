from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forks import Forked
from tests.support.program import Program, short_folder, write_config


@pytest.fixture
def qca(tmp_path: Path) -> Program:
    """The program in an empty folder."""
    return Forked(tmp_path)


@pytest.fixture
def trainable(tmp_path: Path) -> Iterator[Program]:
    """The program, started as a user starts it, in a folder with a tiny training configuration."""
    write_config(tmp_path)
    with short_folder() as temporary:
        yield Program(tmp_path, {"TMPDIR": str(temporary)})
