"""The IP addresses of this host."""

from ipaddress import ip_address

import psutil
import pytest

from infra.host.errors import ProbeError
from infra.host.probes import addresses


def test_the_loopback_address_is_listed_and_none_has_a_zone() -> None:
    found = addresses.probe()

    assert "127.0.0.1" in found
    assert all("%" not in str(ip_address(address)) for address in found)


def test_an_unreadable_list_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(psutil, "net_if_addrs", fail)

    with pytest.raises(ProbeError, match="Permission denied"):
        addresses.probe()
