"""Launches that `qca up` refuses on a recorded host before creating anything."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from infra.doctor.checks import CHECKS
from infra.doctor.examine import examine
from infra.host.recording import load
from infra.stack import launch_compose, launch_local
from qca.cli import cli, host_facts
from qca.cli.launch_words import describe_removal
from qca.cli.signals import Terminated
from qca.core.errors import LaunchError

SERVER = Path(__file__).parents[1] / "hosts" / "server-8-gpus.json"


@pytest.fixture
def launched(tmp_path, monkeypatch) -> list[str]:
    """The names of the launch functions called, on a server with eight GPUs, in an empty folder."""
    names: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(host_facts, "host_facts", lambda _: load(SERVER))
    for module, name in ((launch_compose, "prepare"), (launch_local, "run_embedded_store")):
        monkeypatch.setattr(module, name, lambda *_, name=name, **__: _record(names, name))
    return names


def _record(names: list[str], name: str) -> None:
    names.append(name)
    raise LaunchError("far enough")


def test_too_many_gpus_are_refused_with_the_next_step(launched, tmp_path):
    done = CliRunner().invoke(cli, ["up", "--gpus", "9"])
    assert isinstance(done.exception, LaunchError)
    assert done.exception.exit_code == 1
    assert "QCA405" in done.output
    assert "The configuration asks for 9 GPUs, but training can only use" in done.output
    assert "QCA_STACK_GPUS=all qca up" in done.output
    assert launched == []
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / ".qca" / "compose.yaml").exists()


@pytest.mark.parametrize("gpus", ["1", "8", "all"])
def test_all_available_gpus_can_be_used(launched, gpus):
    done = CliRunner().invoke(cli, ["up", "--gpus", gpus])
    assert "QCA405" not in done.output
    assert launched == ["prepare"]


def test_a_check_that_fails_is_shown_and_does_not_block(launched, monkeypatch):
    checks = [replace(one, judge_host=_fail) if one.id == "QCA101" else one for one in CHECKS]
    monkeypatch.setattr("infra.doctor.examine.examine", partial(examine, checks=checks))

    done = CliRunner().invoke(cli, ["up"])

    assert "QCA101 This check failed, which is a defect in qca" in done.output
    assert launched == ["prepare"]


def _fail(_: object) -> NoReturn:
    raise ZeroDivisionError("by design")


@pytest.mark.parametrize(
    ("error", "mentions_ctrl_c"),
    [(KeyboardInterrupt(), True), (Terminated(), True), (LaunchError("port 1 is in use"), False)],
)
def test_only_an_interruption_mentions_ctrl_c(error, mentions_ctrl_c):
    assert ("Ctrl-C again" in describe_removal(error, "first")) is mentions_ctrl_c
