"""The ports that containers publish, from answers as Docker gives them."""

from pathlib import Path
from typing import Any

import pytest

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import ContainerPort
from infra.host.probes import docker
from tests.support.fake_engine import engine_at

PUBLISHED = {"IP": "127.0.0.1", "PrivatePort": 6379, "PublicPort": 6400, "Type": "tcp"}
STORE = {
    "Names": ["/shop-cache-1"],
    "Labels": {"com.docker.compose.project": "shop"},
    "Ports": [PUBLISHED],
}


def list_ports(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: Any) -> Any:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/d.sock")
    with engine_at(folder / "d.sock", {"/containers/json": answer}):
        return docker.list_container_ports(Deadline(10))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, [("127.0.0.1", 6400, "shop-cache-1", "shop")]),
        ({"Labels": {}}, [("127.0.0.1", 6400, "shop-cache-1", "")]),
        ({"Labels": None, "Names": None}, [("127.0.0.1", 6400, "", "")]),
        ({"Ports": [{**PUBLISHED, "IP": "::"}]}, [("::", 6400, "shop-cache-1", "shop")]),
        ({"Ports": [{**PUBLISHED, "Type": "udp"}]}, []),
        ({"Ports": [{"PrivatePort": 6379, "Type": "tcp"}]}, []),
        ({"Ports": None}, []),
    ],
)
def test_a_published_port_is_listed_with_its_container(tmp_path, monkeypatch, changes, found):
    listed = list_ports(tmp_path, monkeypatch, [{**STORE, **changes}])

    fields = ("address", "port", "container", "project")
    assert listed == tuple(ContainerPort(**dict(zip(fields, row, strict=True))) for row in found)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (["cache"], "is not an object"),
        ([{**STORE, "Ports": [6400]}], "is not an object"),
        ([{**STORE, "Ports": [{**PUBLISHED, "PublicPort": "6400"}]}], "PublicPort is str"),
        ([{**STORE, "Labels": {"com.docker.compose.project": 1}}], "is not a string"),
        ((500, {"message": "busy"}), "busy"),
    ],
)
def test_an_answer_that_is_no_list_of_containers_is_unknown(tmp_path, monkeypatch, answer, reason):
    with pytest.raises(ProbeError, match=f"containers could not be listed: .*{reason}"):
        list_ports(tmp_path, monkeypatch, answer)
