"""What a compose file that somebody else wrote asks for, with line numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from infra.compose_file.devices import DeviceRequests
from infra.compose_file.interpolation import MissingVariable

# A key of `Service.unread_sources`: what a merge tag takes away is not certain.
UNCERTAIN_TAGS = "!reset"


@dataclass(frozen=True)
class Span:
    """Where on its line a word is written, its quotes included."""

    kind: Literal["item", "in brackets", "word", "line", "apart"]
    """An item of a list on lines or in brackets, a word of a string, a line of a flag file; or
    apart from the list, which has an alias of it."""
    start: int
    end: int


@dataclass(frozen=True)
class LocatedValue:
    """A value as written, its variables filled in, and the line it stands on."""

    value: str
    line: int
    raw: str
    file: str = ""
    place: Span | None = None
    """Where on that line it is, for the words of a command; None where that is not clear."""


@dataclass(frozen=True)
class UnreadReference:
    """Something that the file refers to and that was not looked into."""

    what: str
    line: int
    file: str = ""
    why: str = ""
    outside: bool = False
    """It lies out of the file's folder, or on another machine: Compose would go there."""
    is_nondeterministic: bool = False
    """Compose itself reads it one way or the other; asking it once tells nothing."""


@dataclass(frozen=True)
class UnsetVariable:
    """A variable without a value, and where it is used."""

    variable: MissingVariable
    line: int
    file: str = ""


@dataclass(frozen=True)
class Refusal:
    """Why Compose does not take a file."""

    message: str
    line: int
    file: str = ""


@dataclass(frozen=True)
class ExternalResource:
    """A network or a volume that a service uses and that Compose does not create."""

    kind: Literal["network", "volume"]
    name: str
    """The engine's name for it."""
    line: int
    file: str = ""
    is_there: bool | None = None
    """Whether the engine has it; None where that is not known."""
    unknown_because: str = "no engine was asked"


@dataclass(frozen=True)
class PublishedPorts:
    """Ports of the host, one after the other, that a service publishes."""

    address: str
    """Empty for every address."""
    first: int
    last: int
    protocol: str = "tcp"
    is_choice: bool = False
    """Any one of them will do."""
    line: int = 1
    file: str = ""

    def __str__(self) -> str:
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.address}:{ports}" if self.address else ports


@dataclass(frozen=True)
class Service:
    """What one service asks for, as far as the doctor judges it."""

    name: str
    line: int
    file: str = ""
    settings: Mapping[str, LocatedValue] = field(default_factory=dict)
    """Single values by the path of their key, as `deploy.resources.limits.cpus`."""
    entrypoint: tuple[LocatedValue, ...] = ()
    arguments: tuple[LocatedValue, ...] = ()
    variables: Mapping[str, LocatedValue] = field(default_factory=dict)
    """What `environment` sets."""
    env_file_values: Mapping[str, LocatedValue] = field(default_factory=dict)
    """What the files of `env_file` set, beneath `environment`."""
    dropped_words: LocatedValue | None = None
    """The text that Compose drops at the end of a command string, from an unquoted `;` on."""
    ports: tuple[PublishedPorts, ...] = ()
    profiles: tuple[str, ...] = ()
    not_started_because: str = ""
    """Why a plain `up` does not start it; empty where it does."""
    mounts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By `volumes`, `secrets`, `configs` and `tmpfs`: paths in the container, and what is seen
    there, the path of a bind mount or the name of a secret or config; empty for a tmpfs."""
    devices: Mapping[str, DeviceRequests] = field(default_factory=dict)
    """What it requests of the engine's device drivers, by `gpus` and
    `deploy.resources.reservations.devices`."""
    image_variables: Mapping[str, str] | None = None
    """What the image sets, as an engine that has it told; None where none was asked, or has it."""
    is_built: bool = False
    """Whether its image is built from this project (`build`)."""
    host_devices: tuple[LocatedValue, ...] = ()
    """What `devices` names of the host: device files and CDI devices."""
    host_paths: tuple[LocatedValue, ...] = ()
    """The paths of the host that are mounted, as written."""
    unread_sources: tuple[str, ...] = ()
    """Keys by which settings come from files that were not read."""

    @property
    def image(self) -> LocatedValue | None:
        """The image's name."""
        return self.settings.get("image")

    @property
    def memory_limit(self) -> LocatedValue | None:
        """The container's memory limit, in whichever of the two places it is."""
        limits = "deploy.resources.limits.memory"
        return self.settings.get(limits) or self.settings.get("mem_limit")

    @property
    def memory_reservation(self) -> LocatedValue | None:
        """The memory that is kept for the container, in whichever of the two places it is."""
        reserved = "deploy.resources.reservations.memory"
        return self.settings.get(reserved) or self.settings.get("mem_reservation")

    @property
    def memory_and_swap(self) -> LocatedValue | None:
        """The limit of memory and swap together; -1 is none."""
        return self.settings.get("memswap_limit")

    @property
    def cpus(self) -> LocatedValue | None:
        """The limit of CPUs, in whichever of the two places it is."""
        return self.settings.get("deploy.resources.limits.cpus") or self.settings.get("cpus")

    @property
    def cpuset(self) -> LocatedValue | None:
        """The CPUs by their numbers."""
        return self.settings.get("cpuset")

    @property
    def memlock(self) -> LocatedValue | None:
        """The limit of locked memory that it asks for; -1 is none."""
        return self.settings.get("ulimits.memlock")

    @property
    def runtime(self) -> LocatedValue | None:
        """The program that runs the container, where it is not the engine's own choice."""
        found = self.settings.get("runtime")
        return found if found and found.value else None

    @property
    def environment(self) -> Mapping[str, LocatedValue]:
        """The container's variables."""
        return {**self.env_file_values, **self.variables}

    @property
    def command(self) -> tuple[LocatedValue, ...]:
        """The words that are run, the entrypoint's before the command's."""
        return self.entrypoint + self.arguments


@dataclass(frozen=True)
class ComposeFile:
    """A compose file as read, with those that were merged into it."""

    path: str
    services: tuple[Service, ...]
    keys: Mapping[str, int]
    """Top-level keys and their lines."""
    unread: tuple[UnreadReference, ...] = ()
    unset: tuple[UnsetVariable, ...] = ()
    override: str | None = None
    """The override file beside it, which Compose merges where it finds `path` by itself."""
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The lines of every file that was read, `path` first."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The paths of top-level secrets and configs: `secrets.a.file`."""
    externals: tuple[ExternalResource, ...] = ()
    """The external networks and volumes that its active services use."""
    missing: frozenset[str] = frozenset()
    """Paths in the folder at which a file was looked for and is not."""
    hidden: frozenset[str] = frozenset()
    """Values from `.env` files and those of `include`, which nobody is shown."""
    folder: str = "."
    """Compose's project folder."""
    profiles: tuple[str, ...] = ()
    """The profiles that are active."""
    refusals: tuple[Refusal, ...] = ()
    """What Compose would refuse, by our own reading."""
    confirmed_by: str = ""
    """The Compose whose `config` confirmed the values; empty where they are our own reading."""
    refused: str = ""
    """What Compose says where it does not take the file."""
    not_confirmed_because: str = ""
    """Why Compose was not asked, or gave no answer; empty too where it was not to be asked."""
