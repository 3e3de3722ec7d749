"""The exit codes of `qca train`."""

import os
import signal
import subprocess
import sys

import pytest

from qca.cli import train as command
from qca.cli.signals import raise_on_sigterm
from qca.cli.train import train
from qca.core.errors import LaunchError
from qca.memory.context import CUDA_CONTEXT, NCCL_CONTEXT
from qca.train.distributed import elastic

WORDS = ("--profile=cpu", "--device=cpu", "--recompute=step", "--precision=fp32")
SECONDS = 10


def run_that_returns(finish: str, monkeypatch, *, stop_requested: bool = False) -> None:
    """Call `qca train` with a session that ends like this, with or without a signal."""

    def run_session(request, stop, **_: object) -> str:
        if stop_requested:
            stop.set()
        return finish

    monkeypatch.setattr(command, "_load_session", lambda: run_session)
    train.main([*WORDS, "--optimizer-state=device"], standalone_mode=False)


@pytest.mark.parametrize(
    ("finish", "stop_requested"),
    [("complete", False), ("already-complete", False), ("stopped", True)],
)
def test_a_requested_stop_is_a_success(finish, stop_requested, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run_that_returns(finish, monkeypatch, stop_requested=stop_requested)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_trainer_with_nothing_left_to_decide_does_not_load_infra(device, tmp_path):
    code = (
        "import sys\n"
        "from qca.cli import train as command\n"
        "command._load_session = lambda: lambda *_, **__: 'complete'\n"
        "command.train.main(sys.argv[1:], standalone_mode=False)\n"
        "assert 'infra' not in sys.modules"
    )
    flags = [*WORDS, "--optimizer-state=device", f"--device={device}"]
    subprocess.run([sys.executable, "-c", code, *flags], cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    ("launched", "expected"),
    [({}, CUDA_CONTEXT), ({"WORLD_SIZE": "2"}, CUDA_CONTEXT + NCCL_CONTEXT)],
    ids=["alone", "one of two"],
)
def test_the_prediction_for_one_of_several_gpus_includes_nccl(
    launched, expected, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    for name, value in launched.items():
        monkeypatch.setenv(name, value)
    requests = []
    monkeypatch.setattr(
        command,
        "_load_session",
        lambda: lambda request, stop, **_: requests.append(request) or "complete",
    )

    train.main([*WORDS, "--optimizer-state=device", "--device=cuda"], standalone_mode=False)

    assert [request.predicted.context_bytes for request in requests] == [expected]


def test_a_trainer_that_stops_with_another_is_not_finished(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LaunchError, match="another process"):
        run_that_returns("stopped", monkeypatch)


def test_a_launcher_stopped_while_loading_torch_exits_cleanly(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    stops = []
    monkeypatch.setattr(command, "_load_session", lambda: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr(
        elastic, "run_processes", lambda request, stop: stops.append(stop.wait(SECONDS))
    )

    words = [*WORDS, "--optimizer-state=device", "--processes=2"]
    with raise_on_sigterm():
        train.main(words, standalone_mode=False)

    assert stops == [True]
