"""The networks, volumes and containers that a project expects, and whether the engine has them."""

from pathlib import Path

import pytest

from infra.compose_file.load import read_compose_file
from infra.compose_file.needs import ExternalResource
from infra.doctor.analysis.external_resources import look_up_external
from infra.host.facts import NO_ANSWERS, NOT_ASKED, EngineAnswers, Known, Unknown

TEXT = (
    "services:\n  a: {image: x, networks: [n, m], volumes: ['vol:/v', './w:/w']}\n"
    "networks:\n  n: {external: true, name: there}\n  m: {}\n  unused: {external: true}\n"
    "volumes:\n  vol: {external: {name: gone}}\n"
)
CONTAINERS = (
    "name: mine\nservices:\n  a: {image: x, network_mode: 'container:vpn'}\n"
    "  b: {image: x, ipc: 'container:gone', pid: 'container:gone'}\n"
    "  c: {image: x, volumes_from: ['container:store:ro', d]}\n  d: {image: x, ipc: host}\n"
)
ANSWERS = EngineAnswers(
    networks=Known(value=frozenset({"bridge", "there"})),
    volumes=Known(value=frozenset({"there"})),
    containers=Known(value={"vpn": "other", "store": ""}),
)


def _list_externals(folder: Path, text: str) -> tuple[ExternalResource, ...]:
    (folder / "compose.yml").write_text(text)
    return read_compose_file(folder / "compose.yml", {}).externals


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TEXT, [("network", "there", 4, True), ("volume", "gone", 8, False)]),
        (
            CONTAINERS,
            [
                ("container", "vpn", 3, True),
                ("container", "gone", 4, False),
                ("container", "store", 5, True),
            ],
        ),
    ],
)
def test_resources_that_are_used_are_looked_up(tmp_path, text, found):
    externals = _list_externals(tmp_path, text)

    answers = [look_up_external(one, ANSWERS) for one in externals]

    assert [
        (one.kind, one.name, one.line, isinstance(answer, Known) and answer.value)
        for one, answer in zip(externals, answers, strict=True)
    ] == found


def test_without_an_answer_of_the_engine_they_are_unknown(tmp_path):
    externals = _list_externals(tmp_path, TEXT) + _list_externals(tmp_path, CONTAINERS)

    assert [look_up_external(one, NO_ANSWERS) for one in externals] == [NOT_ASKED] * 5


def test_a_container_by_its_id_is_unknown(tmp_path):
    one, *_ = _list_externals(tmp_path, CONTAINERS.replace("vpn", "0f" * 32))

    assert look_up_external(one, ANSWERS) == Unknown(reason="it is the ID of a container")


@pytest.mark.parametrize("mode", ["host", "none", "bridge", "service:b"])
def test_a_mode_that_names_no_network_needs_none(tmp_path, mode):
    assert _list_externals(tmp_path, f"services: {{a: {{network_mode: '{mode}'}}}}") == ()


def test_a_network_that_network_mode_names_must_exist(tmp_path):
    (one,) = _list_externals(tmp_path, "services:\n  a: {image: x, network_mode: proxy}\n")

    assert (one.kind, one.name, one.line) == ("network", "proxy", 2)


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
    text = f"name: mine\nservices: {{a: {{network_mode: 'container:{name}'}}, v: {{{service}}}}}\n"

    assert _list_externals(tmp_path, text) == ()
