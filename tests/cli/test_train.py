"""How `qca train` ends, as what started it sees it."""

import os
import signal

import pytest

from qca.cli import train as command
from qca.cli.signals import raise_on_sigterm
from qca.cli.train import train
from qca.core.errors import LaunchError
from qca.train.distributed import elastic

WORDS = ("--profile=cpu", "--device=cpu", "--recompute=step", "--precision=fp32")
SECONDS = 10


def run_that_returns(finish: str, monkeypatch, *, told_to_stop: bool = False) -> None:
    """Call `qca train` with a training that ends like this, told to by a signal or not."""

    def run_session(request, stop, **_: object) -> str:
        if told_to_stop:
            stop.set()
        return finish

    monkeypatch.setattr(command, "_load_session", lambda: run_session)
    train.main([*WORDS, "--optimizer-state=device"], standalone_mode=False)


@pytest.mark.parametrize(
    ("finish", "told"), [("complete", False), ("already-complete", False), ("stopped", True)]
)
def test_an_end_that_was_asked_for_is_a_success(finish, told, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run_that_returns(finish, monkeypatch, told_to_stop=told)


def test_one_that_stopped_because_another_did_is_not_finished(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LaunchError, match="another process"):
        run_that_returns("stopped", monkeypatch)


def test_a_launcher_that_is_told_to_stop_while_torch_is_loaded_ends_in_order(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    told = []
    monkeypatch.setattr(command, "_load_session", lambda: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr(
        elastic, "run_processes", lambda request, stop: told.append(stop.wait(SECONDS))
    )

    words = [*WORDS, "--optimizer-state=device", "--processes=2"]
    with raise_on_sigterm():
        train.main(words, standalone_mode=False)

    assert told == [True]
