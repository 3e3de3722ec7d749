"""What a compose file that somebody else wrote asks for, with line numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.doctor.interpolate import Missing


@dataclass(frozen=True)
class Text:
    """A value as written, its variables filled in, and the line it stands on."""

    value: str
    line: int
    raw: str


@dataclass(frozen=True)
class Unread:
    """Something that the file refers to and that was not looked into."""

    what: str
    line: int


@dataclass(frozen=True)
class Unset:
    """A variable without a value, and where it is used."""

    variable: Missing
    line: int


@dataclass(frozen=True)
class Service:
    """What one service asks for, as far as the doctor judges it."""

    name: str
    line: int
    image: Text | None = None
    command: tuple[Text, ...] = ()
    """Arguments, the entrypoint's before the command's."""
    shell: bool = False
    """Whether the command is handed to a shell, which may do anything with it."""
    environment: Mapping[str, Text] = field(default_factory=dict)
    memory_limit: Text | None = None
    cpus: Text | None = None
    cpuset: Text | None = None
    gpu: Text | None = None
    """The key that asks for a GPU: `gpus`, `runtime` or a reservation."""
    ports: tuple[Text, ...] = ()
    """Published host ports, `ADDRESS:PORT` or `PORT`."""
    profiles: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """Keys by which settings come from files that were not read."""


@dataclass(frozen=True)
class ComposeFile:
    """A compose file as read."""

    path: str
    services: tuple[Service, ...]
    keys: Mapping[str, int]
    """Top-level keys and their lines."""
    unread: tuple[Unread, ...] = ()
    unset: tuple[Unset, ...] = ()
    override: str | None = None
    """The override file beside it, which Compose merges by itself."""
