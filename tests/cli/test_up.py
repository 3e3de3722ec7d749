"""What `qca up` refuses on a recorded host, before it has made anything."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.host.recording import load
from infra.stack import launch, local
from qca.cli import cli
from qca.cli import up as command
from qca.core.errors import LaunchError

SERVER = Path(__file__).parents[1] / "hosts" / "server-8-gpus.json"


@pytest.fixture
def launched(tmp_path, monkeypatch) -> list[str]:
    """What was begun to be launched, on a server with eight GPUs, from an empty folder."""
    begun: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "host_facts", lambda _: load(SERVER))
    for module, name in ((launch, "prepare"), (local, "run_embedded_store")):
        monkeypatch.setattr(module, name, lambda *_, name=name, **__: _begin(begun, name))
    return begun


def _begin(begun: list[str], name: str) -> None:
    begun.append(name)
    raise LaunchError("far enough")


def test_more_gpus_than_there_are_are_refused_with_the_next_step(launched, tmp_path):
    done = CliRunner().invoke(cli, ["up", "--gpus", "9"])
    assert isinstance(done.exception, LaunchError)
    assert done.exception.exit_code == 1
    assert "QCA405" in done.output
    assert "9 GPUs are asked for, and the training could use 8 here" in done.output
    assert "QCA_STACK_GPUS=all qca up" in done.output
    assert launched == []
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / ".qca" / "compose.yaml").exists()


@pytest.mark.parametrize("gpus", ["1", "8", "all"])
def test_as_many_as_there_are_are_launched(launched, gpus):
    done = CliRunner().invoke(cli, ["up", "--gpus", gpus])
    assert "QCA405" not in done.output
    assert launched == ["prepare"]
