"""QCA601: the address on which a port is published."""

from typing import Any

import pytest

from tests.support.hosts import engine, host
from tests.support.verdicts import OK, SKIPPED, WARNING, judge_file

OWN = ("127.0.0.1", "192.168.1.20", "fd00::20")
REMOTE = engine(host="ssh://user@server")


@pytest.mark.parametrize(
    ("address", "facts", "severity"),
    [
        # Engine 20.10: listen tcp4 10.99.99.99:8080: bind: cannot assign requested address.
        ("10.99.99.99", {"addresses": OWN}, WARNING),
        ("192.168.1.20", {"addresses": OWN}, OK),
        ("[fd00:0::20]", {"addresses": OWN}, OK),
        ("[fd00::21]", {"addresses": OWN}, WARNING),
        ("127.0.0.9", {"addresses": OWN}, OK),
        ("[::1]", {"addresses": OWN}, OK),
        ("0.0.0.0", {"addresses": OWN}, OK),
        ("192.168.1.20", {}, SKIPPED),
        ("10.99.99.99", {"addresses": OWN, "docker": REMOTE}, SKIPPED),
    ],
)
def test_the_address_must_be_one_of_the_engines_host(
    tmp_path: Any, address: str, facts: dict[str, Any], severity: Any
) -> None:
    text = f"services: {{a: {{image: x, ports: ['{address}:8080:80']}}}}\n"

    finding = judge_file(tmp_path, "QCA601", text, host(**facts))

    assert finding.severity is severity, finding.message
