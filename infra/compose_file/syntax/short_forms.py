"""Parse the short forms of ports, volumes and devices: `8080:80/udp`, `./data:/data:ro`.

https://docs.docker.com/reference/compose-file/services/#ports and `#volumes`; the errors and their
wording come from compose-go's `format/volume.go` and go-connections' `nat` package.
"""

import ipaddress
import re

from qca.core.frozen import frozen_dataclass

_LARGEST_PORT = 65535

# A volume of up to two characters is always a target.
LONGEST_BARE_TARGET = 2
_PROTOCOLS = ("tcp", "udp", "sctp")
_PROPAGATIONS = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
_SELINUX = ("z", "Z")
_PORT = re.compile(r"[0-9]{1,9}")
_LETTER = re.compile(r"[^\W\d_]")


class SpecError(ValueError):
    """A short form that Compose refuses, with Compose's message."""


@frozen_dataclass
class PortSpec:
    """A range of container ports, and the host ports that publish it."""

    target: tuple[int, int]
    """The first and the last port."""
    published: tuple[int, int] | None
    """The first and the last port; for a single target, Compose chooses one port from it."""
    address: str
    protocol: str


@frozen_dataclass
class VolumeSpec:
    """A mount: its source and its target."""

    target: str
    source: str = ""
    read_only: bool = False
    no_copy: bool = False
    propagation: str = ""
    selinux: str = ""

    @property
    def is_bind(self) -> bool:
        """Whether the source is a host path."""
        return is_path(self.source)


def parse_port(text: str) -> PortSpec:
    """Parse `[ADDRESS:][HOST:]CONTAINER[/PROTOCOL]`.

    Raises:
        SpecError: Compose refuses it.

    """
    parts = text.split(":")
    container, protocol = _split_protocol(parts[-1])
    host = parts[-2] if len(parts) > 1 else ""
    address = _read_address(":".join(parts[:-2]))
    if not container:
        raise SpecError(f"no port specified: {text}<empty>")
    target = _read_range(container, "containerPort")
    published = _read_range(host, "hostPort") if host else None
    if published and target[0] != target[1] and _measure(published) != _measure(target):
        ranges = f"{container} and {host}"
        raise SpecError(f"invalid ranges specified for container and host Ports: {ranges}")
    if protocol.lower() not in _PROTOCOLS:
        raise SpecError(f"invalid proto: {protocol}")
    return PortSpec(target, published, address, protocol.lower())


def _split_protocol(text: str) -> tuple[str, str]:
    port, _, protocol = text.partition("/")
    return port, protocol.partition("/")[0] or "tcp"


def _read_address(text: str) -> str:
    address = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        if address:
            ipaddress.ip_address(address.replace("%", " "))  # Compose refuses a zone: fe80::1%eth0
    except ValueError:
        raise SpecError(f"invalid IP address: {text}") from None
    return address


def _read_range(text: str, what: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    numbers = (first, last) if dash else (first, first)
    if not all(map(_PORT.fullmatch, numbers)):
        raise SpecError(f"invalid {what}: {text}")
    start, end = (int(number) for number in numbers)
    if end < start or end > _LARGEST_PORT:
        raise SpecError(f"invalid {what}: {text}")
    return start, end


def _measure(ports: tuple[int, int]) -> int:
    return ports[1] - ports[0]


def parse_volume(text: str) -> VolumeSpec:
    """Parse `[SOURCE:]TARGET[:OPTIONS]`.

    Raises:
        SpecError: Compose refuses it.

    """
    if not text:
        raise SpecError("invalid empty volume spec")
    if len(text) <= LONGEST_BARE_TARGET:
        return VolumeSpec(text)
    sections = _split_sections(text)
    if "" in sections:
        raise SpecError(f"invalid spec: {text}: empty section between colons")
    if len(sections) == 1:
        return VolumeSpec(sections[0])
    if len(sections) > len(("source", "target", "options")):
        raise SpecError(f"invalid spec: {text}: too many colons")
    options = sections[2].split(",") if len(sections) > len(("source", "target")) else []
    return VolumeSpec(
        target=sections[1],
        source=sections[0],
        read_only=[option for option in options if option in ("ro", "rw")][-1:] == ["ro"],
        no_copy="nocopy" in options,
        propagation=next((option for option in reversed(options) if option in _PROPAGATIONS), ""),
        selinux=next((option for option in reversed(options) if option in _SELINUX), ""),
    )


def _split_sections(text: str) -> list[str]:
    """Split at colons, except after a Windows drive letter."""
    sections = [""]
    for character in text:
        if character == ":" and not _LETTER.fullmatch(sections[-1]):
            sections.append("")
        else:
            sections[-1] += character
    return sections


def is_path(source: str) -> bool:
    """Return whether a volume's source is a path, which may be a Windows path, and not a name."""
    is_drive = bool(_LETTER.match(source)) and source[1:2] == ":"
    return source.startswith((".", "/", "~", "\\\\")) or is_drive


def parse_device(text: str) -> dict[str, str]:
    """Parse `SOURCE[:TARGET[:PERMISSIONS]]`.

    Raises:
        SpecError: Compose refuses it.

    """
    parts = text.split(":")
    if len(parts) > len(("source", "target", "permissions")):
        raise SpecError(f"confusing device mapping, please use long syntax: {text}")
    source, target, permissions = [*parts, *["", ""]][:3]
    return {
        "source": source,
        "target": target or source,
        "permissions": permissions if len(parts) == len(("s", "t", "p")) else "rwm",
    }
