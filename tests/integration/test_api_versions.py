"""The real `docker` program and Compose with an engine that accepts no old API."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.doctor.analysis.api_versions import (
    NewestApi,
    find_newest_of_client,
    find_newest_of_compose,
)
from infra.host.deadline import Deadline
from infra.host.facts import ComposePlugin
from infra.host.probes import compose
from qca.core.versions import parse_version
from tests.support.fake_engine import INFO, VERSION, engine_at
from tests.testbed.fixtures import Engine

ANSWERS = {"/version": VERSION, "/info": INFO, "/_ping": {}, "/containers/json": []}
COMMANDS = (["ps"], ["compose", "-p", "nothing", "ps"])


@pytest.fixture(params=["engine", "older_engine", "newest_engine"])
def plugin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ComposePlugin:
    """The Compose of one test bed, as the probe finds it, without its engine."""
    bed: Engine = request.getfixturevalue(request.param)
    for name, value in bed.variables.items():
        monkeypatch.setenv(name, value)
    found = compose.probe(Deadline(10))
    assert isinstance(found, ComposePlugin)
    assert found.client_version
    return found


@pytest.fixture
def socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())  # a path short enough for a socket
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/d.sock")
    yield folder / "d.sock"
    shutil.rmtree(folder)


def _list_newest(plugin: ComposePlugin) -> list[NewestApi]:
    newest = (
        find_newest_of_client(plugin.client_version or ""),
        find_newest_of_compose(plugin.version),
    )
    return [one for one in newest if one]


def _run(plugin: ComposePlugin, words: list[str]) -> str:
    command = [plugin.docker_client, *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, input=""
    ).stderr


@pytest.mark.parametrize("min_api", ["1.24", "1.44"])
def test_versions_that_pass_are_accepted(plugin, socket, min_api):
    newest = _list_newest(plugin)

    with engine_at(socket, ANSWERS, min_api):
        errors = [_run(plugin, words) for words in COMMANDS]

    assert [one.reaches(parse_version(min_api)) for one in newest] == [True, True]
    assert [error for error in errors if "too old" in error] == []


def test_a_newer_minimum_is_refused_as_predicted(plugin, socket):
    newest = _list_newest(plugin)

    with engine_at(socket, ANSWERS, "1.98"):
        errors = [_run(plugin, words) for words in COMMANDS]

    assert ["Minimum supported API version is 1.98" in error for error in errors] == [True] * 2, (
        errors
    )
    for one, error in zip(newest, errors, strict=True):
        spoken = parse_version(error.partition("client version ")[2])
        assert one.least <= spoken
        assert one.most is None or spoken <= one.most
        assert one.reaches((1, 98)) is not True


def test_compose_5_uses_the_version_of_an_older_engine(newest_engine, monkeypatch, socket):
    """Its sources name API 1.44 as the oldest; its behavior was also tested on Engine 20.10."""
    monkeypatch.setenv("DOCKER_CONFIG", newest_engine.variables["DOCKER_CONFIG"])
    plugin = compose.probe(Deadline(10))
    assert isinstance(plugin, ComposePlugin)
    assert plugin.version == "5.6.1"

    with engine_at(socket, ANSWERS, "1.12", "1.41"):
        error = _run(plugin, ["compose", "-p", "nothing", "ps"])

    assert "API version" not in error
    monkeypatch.delenv("DOCKER_HOST")
    assert newest_engine.run("compose", "-p", "nothing", "ps").returncode == 0
