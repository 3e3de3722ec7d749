"""The engine is asked for the networks, volumes and containers that a project does not create."""

from pathlib import Path

import pytest

from infra.compose_file.load import read_compose_file
from infra.compose_file.model import ComposeFile
from infra.doctor.analysis.external_resources import look_up_externals
from infra.host.probes.engine_resources import prepare_container_list
from tests.support.fake_programs import write_program

TEXT = (
    "services:\n  a: {image: x, networks: [n, m], volumes: ['vol:/v', './w:/w']}\n"
    "networks:\n  n: {external: true, name: there}\n  m: {}\n  unused: {external: true}\n"
    "volumes:\n  vol: {external: {name: gone}}\n"
)


def _look_up(folder: Path, script: str, text: str = TEXT) -> ComposeFile:
    (folder / "compose.yml").write_text(text)
    program = write_program(folder / "docker", f"echo $1 >> {folder}/asked\n{script}")
    file = read_compose_file(folder / "compose.yml", {})
    environment = {"PATH": "/usr/bin:/bin"}
    containers = prepare_container_list(str(program), environment)
    return look_up_externals(file, str(program), environment, containers)


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

    client = str(tmp_path / "none")
    file = look_up_externals(file, client, {}, prepare_container_list(client, {}))

    assert "could not be started" in file.externals[0].unknown_because


@pytest.mark.parametrize("mode", ["host", "none", "bridge", "service:b"])
def test_a_mode_that_names_no_network_needs_none(tmp_path, mode):
    (tmp_path / "compose.yml").write_text(f"services: {{a: {{image: x, network_mode: '{mode}'}}}}")

    assert read_compose_file(tmp_path / "compose.yml", {}).externals == ()


def test_a_network_that_network_mode_names_must_exist(tmp_path):
    (tmp_path / "compose.yml").write_text("services:\n  a: {image: x, network_mode: proxy}\n")
    (one,) = read_compose_file(tmp_path / "compose.yml", {}).externals

    assert (one.kind, one.name, one.line) == ("network", "proxy", 2)


CONTAINERS = (
    "name: mine\nservices:\n  a: {image: x, network_mode: 'container:vpn'}\n"
    "  b: {image: x, ipc: 'container:gone', pid: 'container:gone'}\n"
    "  c: {image: x, volumes_from: ['container:store:ro', d]}\n  d: {image: x, ipc: host}\n"
)


def test_containers_of_others_are_looked_up(tmp_path):
    file = _look_up(tmp_path, "printf 'vpn\\tother\\n'; printf 'store\\t\\n'", CONTAINERS)

    assert [(one.kind, one.name, one.line, one.is_there) for one in file.externals] == [
        ("container", "vpn", 3, True),
        ("container", "gone", 4, False),
        ("container", "store", 5, True),
    ]
    assert (tmp_path / "asked").read_text().split() == ["ps"]


@pytest.mark.parametrize("script", ["echo Cannot connect >&2; exit 1", "exit 1"])
def test_without_an_answer_of_the_engine_containers_are_unknown(tmp_path, script):
    file = _look_up(tmp_path, script, CONTAINERS)

    assert {one.is_there for one in file.externals} == {None}
    assert all(one.unknown_because for one in file.externals)


def test_a_container_by_its_id_is_unknown(tmp_path):
    (one,) = _look_up(tmp_path, "", CONTAINERS.replace("vpn", "0f" * 32)).externals[:1]

    assert (one.is_there, one.unknown_because) == (None, "it is the ID of a container")


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("vpn", "container_name: vpn"),
        ("mine-v-1", "image: x"),
        ("mine_v_1", "image: x"),
    ],
)
def test_a_container_of_the_project_is_its_own(tmp_path, name, service):
    """Run with Compose 2.40: it starts the container before the one that shares its network."""
    (tmp_path / "compose.yml").write_text(
        f"name: mine\nservices:\n  a: {{image: x, network_mode: 'container:{name}'}}\n"
        f"  v: {{{service}}}\n"
    )

    assert read_compose_file(tmp_path / "compose.yml", {}).externals == ()
