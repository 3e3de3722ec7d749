"""Which engine the SDK is connected to, and what is said where that fails."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from infra.stack.docker_client import connect_engine
from qca.core.errors import LaunchError
from tests.support.fake_engine import VERSION, engine_at
from tests.support.program import short_folder


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("unix:///no/such.sock", "unix:///no/such.sock: No such file or directory"),
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1: Connection refused"),
        ("gopher://here", "gopher:// is not an address that docker knows"),
    ],
)
def test_an_engine_that_cannot_be_reached_is_named(
    monkeypatch: pytest.MonkeyPatch, host: str, message: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(LaunchError, match=message), connect_engine():
        pass


def test_an_engine_behind_ssh_needs_more_of_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("paramiko"):
        pytest.skip("this environment has the SDK's ssh")
    monkeypatch.setenv("DOCKER_HOST", "ssh://ana@far.example")
    with pytest.raises(LaunchError, match="paramiko") as error, connect_engine():
        pass
    assert "docker[ssh]" in error.value.hint


def test_what_an_engine_refuses_is_said_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"/version": VERSION, "/info": (500, {"message": "the disk is full"})}
    with short_folder() as folder, engine_at(folder / "d.sock", answers):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/d.sock")
        with pytest.raises(LaunchError, match="the disk is full"), connect_engine() as engine:
            engine.info()


def test_the_sdk_is_loaded_by_its_first_use_alone() -> None:
    program = (
        "import sys, infra.doctor.examine, infra.stack.launch, infra.stack.image\n"
        "print(*sorted({'docker', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")
