"""The engine to which the SDK connects, and the error messages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.stack.docker_client import connect_engine
from qca.core.errors import LaunchError
from tests.support.fake_engine import VERSION, engine_at
from tests.support.fake_programs import write_program
from tests.support.program import short_folder

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("unix:///no/such.sock", "unix:///no/such.sock: No such file or directory"),
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1: Connection refused"),
        ("gopher://here", "gopher:// is not an address that docker supports"),
    ],
)
def test_an_engine_that_cannot_be_reached_is_named(
    monkeypatch: pytest.MonkeyPatch, host: str, message: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(LaunchError, match=message), connect_engine():
        pass


def test_a_user_without_a_home_gets_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", find_none)
    with pytest.raises(LaunchError, match="no home folder"), connect_engine():
        pass


# A fake ssh, which records its arguments and runs the last one here like the remote machine.
SSH = """\
echo "$@" >>{log}
for command; do :; done
exec $command"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


def test_an_engine_behind_ssh_is_reached_through_the_systems_ssh(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(programs / "ssh", SSH.format(log=programs / "log"))
    dial = "import sys; from tests.support.relay import relay_stdio; relay_stdio(sys.argv[1])"
    answers = {"/version": VERSION, "/info": {"ID": "far"}}
    with short_folder() as folder, engine_at(folder / "d.sock", answers):
        python = f"PYTHONPATH={ROOT} exec {sys.executable} -c '{dial}' {folder}/d.sock"
        write_program(programs / "docker", f'[ "$*" = "system dial-stdio" ] && {python}')
        monkeypatch.setenv("DOCKER_HOST", "ssh://ana@far.example:2222")
        with connect_engine() as engine:
            assert engine.info()["ID"] == "far"
    words = set((programs / "log").read_text().splitlines())
    assert words == {"-l ana -p 2222 -- far.example docker system dial-stdio"}


def test_a_failing_ssh_is_an_engine_that_does_not_answer(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(programs / "ssh", "exit 255")
    monkeypatch.setenv("DOCKER_HOST", "ssh://far.example")
    with pytest.raises(LaunchError, match=r"ssh://far\.example") as error, connect_engine():
        pass
    assert "docker version" in error.value.hint


def test_a_refusal_has_the_engines_own_message(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"/version": VERSION, "/info": (500, {"message": "the disk is full"})}
    with short_folder() as folder, engine_at(folder / "d.sock", answers):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/d.sock")
        with pytest.raises(LaunchError, match="the disk is full"), connect_engine() as engine:
            engine.info()


def test_the_sdk_is_loaded_only_at_its_first_use() -> None:
    program = (
        "import sys, infra.doctor.examine, infra.stack.launch_compose, infra.stack.image\n"
        "print(*sorted({'docker', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")
