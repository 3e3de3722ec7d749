"""QCA715: container names and subnets that must be unique on the engine."""

from dataclasses import replace

import pytest

from infra.doctor.examine import examine, select
from infra.doctor.finding import Finding
from tests.support.hosts import compose_file, config, host
from tests.support.verdicts import ERROR, OK, SKIPPED

NAMED = "services: {a: {image: x, container_name: redis}}\n"
SUBNET = (
    "services: {a: {image: x, networks: [n]}}\n"
    "networks: {n: {ipam: {config: [{subnet: 172.28.0.0/16}]}}}\n"
)

CASES = [
    # featbit/featbit 163, infiniflow/ragflow 9908
    (NAMED, "of project shop", ERROR, 'The container name "/redis" is already in use'),
    (NAMED, "", OK, "is free"),
    (NAMED, None, SKIPPED, "no engine was asked"),
    # maxking/docker-mailman 522, plaintextpackets/netprobe_lite 8
    (SUBNET, "heimdall_default", ERROR, "overlaps with that of the network heimdall_default"),
    (SUBNET, "", OK, "is free"),
    (SUBNET, None, SKIPPED, "no engine was asked"),
    ("services: {a: {image: x}}\n", None, OK, "is fixed"),
]


def _judge(folder, text: str, taken_by: str | None) -> Finding:
    file = compose_file(folder, text)
    claims = tuple(replace(one, taken_by=taken_by) for one in file.claims)
    (finding,) = examine(
        host(), config(), files=[replace(file, claims=claims)], checks=select({"QCA715"}, ())
    )
    return finding


@pytest.mark.parametrize(("text", "taken_by", "severity", "says"), CASES)
def test_verdict(tmp_path, text, taken_by, severity, says):
    finding = _judge(tmp_path, text, taken_by)

    assert finding.severity is severity
    assert says in finding.message
