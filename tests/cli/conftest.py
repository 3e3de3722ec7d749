import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from qca.cli import main
from tests.support.forks import Forked
from tests.support.program import Endless, Program, short_folder, write_config

# So rare that every checkpoint after the first is written because of a stop.
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
    """The program in a folder with a tiny training configuration, with its own temporary folder."""
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


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def call_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Call the command line in this process, from `main` on, in a folder."""

    def call(folder: Path, *words: object) -> Done:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["qca", *map(str, words)])
        for variable in [name for name in os.environ if name.startswith("QCA_")]:
            monkeypatch.delenv(variable)
        capsys.readouterr()
        ctrl_c = signal.getsignal(signal.SIGINT)  # restore pytest's handler
        with pytest.raises(SystemExit) as exit_:
            main()
        signal.signal(signal.SIGINT, ctrl_c)
        out, err = capsys.readouterr()
        return Done(int(exit_.value.code or 0), str(out), str(err))

    return call
