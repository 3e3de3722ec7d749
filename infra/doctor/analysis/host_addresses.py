"""Determine whether a port can be published on an address."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from infra.doctor.analysis.engine_files import has_other_files
from infra.host.facts import Engine, HostFacts, known_or_none


def has_address(facts: HostFacts, address: str) -> bool | None:
    """Return whether the engine's host has the address; None if that is unknown."""
    wanted = _parse(address)
    if wanted is None:
        return None
    if wanted.is_unspecified or wanted.is_loopback:
        return True
    engine, own = known_or_none(facts.docker), known_or_none(facts.addresses)
    is_elsewhere = isinstance(engine, Engine) and engine.is_elsewhere
    if own is None or is_elsewhere or has_other_files(facts):
        return None
    return wanted in map(_parse, own)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
