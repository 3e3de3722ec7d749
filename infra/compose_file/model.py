"""The model of a user's Compose file, with line numbers."""

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Literal

from infra.compose_file.devices import DeviceRequests
from infra.compose_file.needs import EngineClaim, ExternalResource, NeededPath, ReleaseNeed
from infra.compose_file.syntax.interpolation import MissingVariable
from qca.core.frozen import frozen_dataclass

if TYPE_CHECKING:
    from infra.compose_file.yaml.tree import Origin

# The members of `Service.unread_sources`: two keys, and a merge tag with an uncertain effect.
UNREAD_ENV_FILE = "env_file"
UNREAD_EXTENDS = "extends"
UNCERTAIN_TAGS = "!reset"


@frozen_dataclass
class Span:
    """The columns of a word on its line, including its quotes."""

    kind: Literal["item", "in brackets", "word", "line", "apart"]
    """The notation of the word: an item of a block list or of a list in brackets, a word of a
    string, a line of a flag file, or an item elsewhere that the list refers to with an alias."""
    start: int
    end: int


@frozen_dataclass
class LocatedValue:
    """A value with its variables filled in, and its line."""

    value: str
    line: int
    raw: str
    file: str = ""
    place: Span | None = None
    """Its columns, if it is a word of a command; None if they are unclear."""


@frozen_dataclass
class UnreadReference:
    """A reference in the file that was not followed."""

    what: str
    line: int
    file: str = ""
    why: str = ""
    outside: bool = False
    """Whether it is outside the file's folder, or on another machine; Compose would follow it."""
    is_nondeterministic: bool = False
    """Whether Compose itself reads it inconsistently, so that a single answer proves nothing."""


@frozen_dataclass
class UnsetVariable:
    """A variable without a value, and the place where the file uses it."""

    variable: MissingVariable
    line: int
    file: str = ""


@frozen_dataclass
class Refusal:
    """A reason why Compose refuses a file, or the engine a service or one of its networks."""

    message: str
    line: int
    file: str = ""
    network: str = ""
    """The network that the engine does not create; each of its services has the same refusal."""

    @classmethod
    def at(cls, message: str, origin: "Origin") -> "Refusal":
        """Return a refusal of the value with this origin."""
        return cls(message, origin.line, origin.source.path)


@frozen_dataclass
class Wait:
    """A service that another service waits for (`depends_on`)."""

    name: str
    condition: str
    line: int
    file: str = ""


@frozen_dataclass
class HealthCheck:
    """The health check that a file gives a service."""

    test: tuple[LocatedValue, ...] = ()
    """The items of its test, from `CMD` or `CMD-SHELL` on; empty if the image's test is kept."""
    is_disabled: bool = False


@frozen_dataclass
class PublishedPorts:
    """A range of host ports that a service publishes."""

    address: str
    """Empty for all addresses."""
    first: int
    last: int
    protocol: str = "tcp"
    is_choice: bool = False
    """Whether Compose chooses one of the ports."""
    line: int = 1
    file: str = ""
    written: str = ""
    """The short form as written, such as `${PORT}:6379`; empty for the long form."""
    written_address: LocatedValue | None = None
    """The long form's `host_ip`."""

    def __str__(self) -> str:
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.address}:{ports}" if self.address else ports


@frozen_dataclass
class Service:
    """The settings of a service that the doctor checks."""

    name: str
    line: int
    file: str = ""
    settings: Mapping[str, LocatedValue] = field(default_factory=dict[str, LocatedValue])
    """Scalars by the path of their key, such as `deploy.resources.limits.cpus`."""
    entrypoint: tuple[LocatedValue, ...] = ()
    arguments: tuple[LocatedValue, ...] = ()
    variables: Mapping[str, LocatedValue] = field(default_factory=dict[str, LocatedValue])
    """The variables that `environment` sets."""
    env_file_values: Mapping[str, LocatedValue] = field(default_factory=dict[str, LocatedValue])
    """The variables that the files of `env_file` set; `environment` overrides them."""
    dropped_words: LocatedValue | None = None
    """The text that Compose drops at the end of a command string, from an unquoted `;` on."""
    ports: tuple[PublishedPorts, ...] = ()
    profiles: tuple[str, ...] = ()
    not_started_because: str = ""
    """The reason why a plain `up` does not start it; empty if it does."""
    mounts: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """The mounts of `volumes`, `secrets`, `configs` and `tmpfs`, by their path in the container:
    the host path of a bind mount, the name of a secret or config, or an empty string for tmpfs."""
    read_only_mounts: frozenset[str] = frozenset()
    """The container paths that `volumes` mounts read-only."""
    added_capabilities: tuple[LocatedValue, ...] = ()
    """The Linux capabilities of `cap_add`, as written."""
    dropped_capabilities: tuple[LocatedValue, ...] = ()
    """The Linux capabilities of `cap_drop`, as written."""
    devices: Mapping[str, DeviceRequests] = field(default_factory=dict[str, DeviceRequests])
    """The devices that it requests from the engine's drivers, in `gpus` and
    `deploy.resources.reservations.devices`."""
    is_built: bool = False
    """Whether its image is built (`build`)."""
    waits: tuple[Wait, ...] = ()
    """The services that it waits for."""
    health_check: HealthCheck = HealthCheck()
    host_devices: tuple[LocatedValue, ...] = ()
    """The device files and CDI devices in `devices`."""
    host_paths: tuple[LocatedValue, ...] = ()
    """The host paths that it mounts, as written."""
    unread_sources: tuple[str, ...] = ()
    """The keys that refer to files that were not read."""
    engine_refusals: tuple[Refusal, ...] = ()
    """The reasons why Docker Engine would not start it, according to our own reading."""

    @property
    def image(self) -> LocatedValue | None:
        """The image's name."""
        return self.settings.get("image")

    @property
    def memory_limit(self) -> LocatedValue | None:
        """The container's memory limit, from either of its two keys."""
        limits = "deploy.resources.limits.memory"
        return self.settings.get(limits) or self.settings.get("mem_limit")

    @property
    def memory_reservation(self) -> LocatedValue | None:
        """The container's memory reservation, from either of its two keys."""
        reserved = "deploy.resources.reservations.memory"
        return self.settings.get(reserved) or self.settings.get("mem_reservation")

    @property
    def memory_and_swap(self) -> LocatedValue | None:
        """The limit on memory and swap together; -1 means none."""
        return self.settings.get("memswap_limit")

    @property
    def cpus(self) -> LocatedValue | None:
        """The CPU limit, from either of its two keys."""
        return self.settings.get("deploy.resources.limits.cpus") or self.settings.get("cpus")

    @property
    def cpuset(self) -> LocatedValue | None:
        """The numbers of the CPUs that the container may use."""
        return self.settings.get("cpuset")

    @property
    def memlock(self) -> LocatedValue | None:
        """The requested limit on locked memory; -1 means none."""
        return self.settings.get("ulimits.memlock")

    @property
    def runtime(self) -> LocatedValue | None:
        """The container runtime, if it is not the engine's default."""
        found = self.settings.get("runtime")
        return found if found and found.value else None

    @property
    def environment(self) -> Mapping[str, LocatedValue]:
        """The container's variables."""
        return {**self.env_file_values, **self.variables}

    @property
    def command(self) -> tuple[LocatedValue, ...]:
        """The command line: the words of the entrypoint, then those of the command."""
        return self.entrypoint + self.arguments


@frozen_dataclass
class ComposeFile:
    """A Compose file as read, with the files that were merged into it."""

    path: str
    services: tuple[Service, ...]
    keys: Mapping[str, int]
    """Top-level keys and their lines."""
    unread: tuple[UnreadReference, ...] = ()
    unset: tuple[UnsetVariable, ...] = ()
    override: str | None = None
    """The override file, which Compose merges if it finds `path` by default."""
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The lines of each file that was read, `path` first."""
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """The paths of top-level secrets and configs: `secrets.a.file`."""
    externals: tuple[ExternalResource, ...] = ()
    """The external networks, volumes and containers that its active services use."""
    claims: tuple[EngineClaim, ...] = ()
    """The container names and subnets of its active services."""
    overlays: tuple[LocatedValue, ...] = ()
    """The overlay networks that Compose creates for its active services."""
    release_needs: tuple[ReleaseNeed, ...] = ()
    """What its active services need from newer releases of the engine."""
    missing: frozenset[str] = frozenset()
    """Paths of missing files in the project folder."""
    needed_paths: tuple[NeededPath, ...] = ()
    """The files and folders that its active services need."""
    hidden: frozenset[str] = frozenset()
    """Values from `.env` files, which are never shown."""
    folder: str = "."
    """The project folder."""
    profiles: tuple[str, ...] = ()
    """The active profiles."""
    refusals: tuple[Refusal, ...] = ()
    """The reasons why Compose would refuse the file, according to our own reading."""
    confirmed_by: str = ""
    """The version of Compose that confirmed the values; empty if they are our own reading."""
    refused: str = ""
    """Compose's message if it refuses the file."""
    not_confirmed_because: str = ""
    """The reason why Compose gave no answer; empty if it gave one or was not meant to be asked."""
