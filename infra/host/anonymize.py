"""Remove the names of users and machines from the text of a record."""

import getpass
import ipaddress
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from qca.core.frozen import frozen_dataclass
from qca.core.masking import mask_secrets

# Account names that do not identify a user and that occur in facts with a different meaning.
_GENERIC_ACCOUNTS = {
    *("root", "user", "admin", "administrator", "docker", "podman", "compose", "python"),
    *("linux", "ubuntu", "debian", "nvidia", "cuda", "torch", "redis", "runner", "local"),
}
_THIS, _REMOTE = "this-host", "remote-host"
_LOCAL = {"", "localhost", "localhost.localdomain", _THIS, _REMOTE}

# Home folders, wherever they are: /home, /export/home, /nfs/homes, /Users, C:\\Users.
_HOMES = re.compile(
    r"(?:[A-Za-z]:\\Users|(?:/[\w.-]+)*?/(?:homes?\d*|Users|people))[/\\][^/\\\s:'\"]+"
)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_ADDRESS = re.compile(r"\b(?:tcp|ssh|https?)://(?:user@)?(\[[^\]]*\]|[^/:\s'\"]+)")
# The ways in which the errors of ssh, Docker and the C library write a machine's name.
_NAMED_HOST = re.compile(
    r"(?:\blookup (?=\S+(?: on |:))|\b(?:hostname|dial tcp) (?=[^\s:]+:)"
    r"|\bconnect to host (?=\S+ port)|\b[\w.-]+@(?!sha\d))([A-Za-z][\w.-]*[A-Za-z0-9])"
)
_INTERNAL_HOST = re.compile(
    r"\b[\w-]+(?:\.[\w-]+)*\.(?:lan|local|internal|intranet|corp|home\.arpa)\b", re.IGNORECASE
)
_DEVICE = re.compile(r"\b(?P<kind>GPU|MIG)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_IPV4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?=[\da-f]*:[\da-f]*:)[\da-f:]{1,38}[\da-f](?!\w)", re.IGNORECASE)
_MAC = re.compile(r"(?<![\w:])(?:[\da-f]{2}:){5}[\da-f]{2}(?![\w:])", re.IGNORECASE)

# RFC 5737, RFC 7042 and RFC 3849: addresses reserved for documentation.
_EXAMPLE_V4, _EXAMPLE_V6 = "192.0.2.1", "2001:db8::1"
_EXAMPLE_MAC = "00:00:5e:00:53:00"


@frozen_dataclass
class Identity:
    """The names to remove: those of this user and of this machine."""

    home: str
    users: tuple[str, ...]
    hosts: tuple[str, ...]

    @classmethod
    def detect(cls) -> Self:
        """Return the current user's and machine's names; a user ID without an account has none."""
        user = home = ""
        with suppress(KeyError, OSError):
            user = getpass.getuser()
        with suppress(RuntimeError):
            home = str(Path.home())
        host = socket.gethostname()
        return cls(home, (user, Path(home).name), (host, host.partition(".")[0]))


class Scrubber:
    """Replaces a name with the same placeholder throughout a record."""

    def __init__(self, identity: Identity, texts: Iterable[str]) -> None:
        self._home = identity.home.rstrip("/\\")
        remote = {host for text in texts for host in _find_remote_hosts(text)} - set(identity.hosts)
        self._names = [
            *((_compile_word(host), _THIS) for host in _select_identifying(identity.hosts)),
            *((_compile_word(host), _REMOTE) for host in _select_identifying(remote)),
            *((_compile_word(user), "user") for user in _select_identifying(identity.users)),
        ]
        self._devices: dict[str, str] = {}

    def clean(self, text: str) -> str:
        """Return `text` without anything that identifies a user or a machine."""
        text = mask_secrets(text.encode(errors="replace").decode())
        text = _CREDENTIALS.sub("user@", text)
        if self._home:
            text = re.sub(rf"{re.escape(self._home)}(?![\w.-])", "~", text)
        text = _HOMES.sub("~", text)
        text = _DEVICE.sub(self._number_device, text)
        for name, stand_in in self._names:
            text = name.sub(stand_in, text)
        text = _MAC.sub(_EXAMPLE_MAC, text)
        for pattern in (_IPV4, _IPV6):
            text = pattern.sub(lambda match: _replace_address(match[0]), text)
        return _replace_address(text)

    def _number_device(self, match: re.Match[str]) -> str:
        """Replace a globally unique device ID with a number, to which facts can still refer."""
        number = len(self._devices) + 1
        return self._devices.setdefault(match[0].lower(), f"{match['kind'].upper()}-{number}")


def _find_remote_hosts(text: str) -> Iterator[str]:
    text = _CREDENTIALS.sub("user@", text)
    for pattern in (_ADDRESS, _NAMED_HOST, _INTERNAL_HOST):
        yield from pattern.findall(text)


def _select_identifying(names: Iterable[str]) -> list[str]:
    """Return the identifying names, longest first, since one name can contain another."""
    return sorted(filter(_is_identifying, set(names)), key=lambda name: (-len(name), name))


def _is_identifying(name: str) -> bool:
    """Return whether a name identifies a user or a machine."""
    if name.lower() in _GENERIC_ACCOUNTS | _LOCAL or not re.search(r"[^\W\d_]", name):
        return False
    return not _is_local_address(name.strip("[]"))


def _compile_word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", re.IGNORECASE)


def _replace_address(text: str) -> str:
    """Return the placeholder for an IP address of a machine; other texts are returned unchanged."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if _is_local_address(text):
        return text
    return _EXAMPLE_V4 if address.version == 4 else _EXAMPLE_V6


def _is_local_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
