"""QCA715: container names and subnets that must be unique on the engine."""

import pytest

from infra.host.facts import NOT_ASKED, EngineAnswers, Known
from tests.support.hosts import compose_file, host, one
from tests.support.verdicts import ERROR, OK, SKIPPED

NAMED = "services: {a: {image: x, container_name: redis}}\n"
SUBNET = (
    "services: {a: {image: x, networks: [n]}}\n"
    "networks: {n: {ipam: {config: [{subnet: 172.28.0.0/16}]}}}\n"
)

OVERLAP = {"heimdall_default": ("172.28.9.0/24",)}
CASES = [
    # featbit/featbit 163, infiniflow/ragflow 9908
    (NAMED, {"redis": "shop"}, {}, ERROR, "belongs to a container of project shop"),
    (NAMED, {"redis": ""}, {}, ERROR, 'The container name "/redis" is already in use'),
    (NAMED, {"db": "shop"}, {}, OK, "is free"),
    (NAMED, None, {}, SKIPPED, "no engine was asked"),
    # maxking/docker-mailman 522, plaintextpackets/netprobe_lite 8
    (SUBNET, {}, OVERLAP, ERROR, "overlaps with that of the network heimdall_default"),
    (SUBNET, {}, {}, OK, "is free"),
    (SUBNET, {}, None, SKIPPED, "no engine was asked"),
    ("services: {a: {image: x}}\n", None, None, OK, "is fixed"),
]


@pytest.mark.parametrize(("text", "containers", "subnets", "severity", "says"), CASES)
def test_verdict(tmp_path, text, containers, subnets, severity, says):
    answers = EngineAnswers(
        containers=NOT_ASKED if containers is None else Known(value=containers),
        subnets=NOT_ASKED if subnets is None else Known(value=subnets),
    )
    file = compose_file(tmp_path, text)

    finding = one(host(), "QCA715", files=[file], engine_answers=answers)

    assert finding.severity is severity
    assert says in finding.message
