"""The engine's networks and volumes are queried if a project uses external ones."""

from pathlib import Path

import pytest

from infra.compose_file.load import read_compose_file
from infra.compose_file.model import ComposeFile
from infra.doctor.analysis.external_resources import look_up_externals

TEXT = (
    "services:\n  a: {image: x, networks: [n, m], volumes: ['vol:/v', './w:/w']}\n"
    "networks:\n  n: {external: true, name: there}\n  m: {}\n  unused: {external: true}\n"
    "volumes:\n  vol: {external: {name: gone}}\n"
)


def _look_up(folder: Path, script: str) -> ComposeFile:
    (folder / "compose.yml").write_text(TEXT)
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\necho $1 >> {folder}/asked\n{script}\n")
    program.chmod(0o755)
    file = read_compose_file(folder / "compose.yml", {})
    return look_up_externals(file, str(program), {"PATH": "/usr/bin:/bin"})


def test_used_external_resources_are_looked_up(tmp_path):
    file = _look_up(tmp_path, "echo bridge; echo there")

    assert [(one.kind, one.name, one.line, one.is_there) for one in file.externals] == [
        ("network", "there", 4, True),
        ("volume", "gone", 8, False),
    ]
    assert (tmp_path / "asked").read_text().split() == ["network", "volume"]


@pytest.mark.parametrize("script", ["echo Cannot connect >&2; exit 1", "exit 1"])
def test_without_an_answer_of_the_engine_they_are_unknown(tmp_path, script):
    file = _look_up(tmp_path, script)

    assert [one.is_there for one in file.externals] == [None, None]
    assert all(one.unknown_because for one in file.externals)


def test_without_a_client_they_are_unknown(tmp_path):
    (tmp_path / "compose.yml").write_text(TEXT)
    file = read_compose_file(tmp_path / "compose.yml", {})

    file = look_up_externals(file, str(tmp_path / "none"), {})

    assert "could not be started" in file.externals[0].unknown_because


@pytest.mark.parametrize("mode", ["host", "none", "bridge", "service:b", "container:b"])
def test_a_mode_that_names_no_network_needs_none(tmp_path, mode):
    (tmp_path / "compose.yml").write_text(f"services: {{a: {{image: x, network_mode: '{mode}'}}}}")

    assert read_compose_file(tmp_path / "compose.yml", {}).externals == ()


def test_a_network_that_network_mode_names_must_exist(tmp_path):
    (tmp_path / "compose.yml").write_text("services:\n  a: {image: x, network_mode: proxy}\n")
    (one,) = read_compose_file(tmp_path / "compose.yml", {}).externals

    assert (one.kind, one.name, one.line) == ("network", "proxy", 2)
