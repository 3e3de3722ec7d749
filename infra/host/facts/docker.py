"""Facts about Docker: the engine, Compose V2, and what `docker-compose` runs."""

from dataclasses import field
from typing import Annotated, Literal

from infra.host.facts.known import Count, Size
from qca.core.validation import Constraint, strict_dataclass


@strict_dataclass
class Engine:
    """A Docker Engine that answered."""

    state: Literal["running"] = "running"
    host: str
    """Where it was reached, e.g. `unix:///var/run/docker.sock`."""
    context: str
    version: str
    api_version: str
    min_api_version: str | None = None
    """Oldest API that it accepts; None where that was not recorded."""
    operating_system: str
    cpus: Count
    memory: Size
    cgroup_version: str
    cgroup_driver: str | None = None
    """`systemd` or `cgroupfs`; None where that was not recorded."""
    started: Count | None = None
    """When its daemon started, in seconds since 1970; None where that could not be seen."""
    runtimes: tuple[str, ...]
    cdi_devices: tuple[str, ...]
    """CDI devices that the daemon discovered (API 1.50 and newer tell), e.g. `nvidia.com/gpu=0`."""
    root_dir: str
    security_options: tuple[str, ...]
    driver: str
    """Storage driver."""
    architecture: str = ""
    """Machine type of the engine's host, e.g. `x86_64`."""
    os_type: str = "linux"
    """What its containers run: `linux` or `windows`."""
    default_runtime: str = ""
    cdi_dirs: tuple[str, ...] = ()
    """Where it looks for CDI files; empty where CDI is off, or too old to tell."""
    limits_memory: bool | None = None
    """Whether it can hold containers to a memory limit (not so without the cgroup controller);
    None where it does not tell."""
    limits_cpu: bool | None = None
    most_memlock: Annotated[int, Constraint(ge=-1, lt=2**63)] | None = None
    """The most locked memory that a container may ask for, in bytes; -1 any, None unknown."""
    components: dict[str, str] = field(default_factory=dict)
    """Names and versions of its parts; Podman in Docker's place says `Podman Engine`."""


@strict_dataclass
class NoEngine:
    """No Docker Engine could be used, and at which step it failed."""

    state: Literal[
        "not-installed", "not-running", "no-permission", "bad-host", "bad-context", "no-answer"
    ]
    host: str
    """Where it was looked for."""
    detail: str
    """The error, in the words of the tool that met it."""
    other_sockets: tuple[str, ...] = ()
    """Addresses of other engines' sockets that are there (rootless, Desktop, Podman)."""
    socket_group: str | None = None
    """Group that may use the socket, where permission is what lacks."""
    group_member: bool = False
    """Whether this user is already listed in that group: then a new login is missing."""


DockerFacts = Annotated[Engine | NoEngine, Constraint(discriminator="state")]


@strict_dataclass
class ComposePlugin:
    """`docker compose` (V2 or later) answered."""

    found: Literal[True] = True
    version: str
    """Without a leading v, e.g. `2.40.3`."""
    docker_client: str
    """Path of the `docker` program that has the plugin."""
    client_version: str | None = None
    """Version of that program; None where that was not recorded."""
    buildx: str | None = None
    """Version of the plugin that builds images, empty without one; None where not recorded."""
    missing_credential_helpers: tuple[str, ...] | None = None
    """Programs that its configuration names for passwords and that are not on PATH; None where
    not recorded."""


@strict_dataclass
class NoComposePlugin:
    """`docker compose` is not there."""

    found: Literal[False] = False
    detail: str


ComposeFacts = Annotated[ComposePlugin | NoComposePlugin, Constraint(discriminator="found")]


@strict_dataclass
class Library:
    """A distribution as an interpreter would import it."""

    version: str
    location: str
    """Folder it would be imported from."""
    user_site: bool
    """Whether that folder is the interpreter's user site (`pip install --user`)."""
    pythonpath: bool = False
    """Whether PYTHONPATH put that folder on the path."""
    installed: str = ""
    """Day on which it was installed there, e.g. `2025-11-28`; empty if it left no record."""
    shadows: tuple["Library", ...] = ()
    """Other versions further down the path: imported if this one were not there."""


@strict_dataclass
class LibraryUser:
    """A distribution that requires one of the libraries; a change can break it."""

    distribution: str
    version: str
    requirement: str
    """As its metadata says it, e.g. `requests>=2.31`."""


@strict_dataclass
class ComposeV1:
    """`docker-compose` on PATH is Compose V1, run by a Python interpreter."""

    kind: Literal["v1"] = "v1"
    path: str
    version: str
    interpreter: str
    python_version: str
    libraries: dict[str, Library]
    """Keys `docker`, `requests`, `urllib3`, `PyYAML`; a missing one is not importable."""
    users: tuple[LibraryUser, ...] = ()
    """Distributions of that interpreter that require one of the libraries."""
    user_site: str | None = None
    """The interpreter's user site; None where it does not look there."""
    virtual_environment: bool = False
    externally_managed: bool = False
    """Whether `pip install` is refused there (PEP 668: Debian 12 and newer)."""
    user_only: tuple[str, ...] = ()
    """Modules that V1 imports and that only the user site or PYTHONPATH has."""
    missing_modules: tuple[str, ...] | None = None
    """Modules without which it cannot start; None where that was not recorded."""
    environment_python: str | None = None
    """A Python that can make an environment in which V1 works, empty if there is none; None where
    that was not recorded."""
    beside: "ComposeV1 | None" = None
    """The one that `qca doctor --fix` set up in an environment of its own, if it is there."""


@strict_dataclass
class ComposeV1Bundle:
    """`docker-compose` on PATH is the self-contained V1 binary, with libraries of its own."""

    kind: Literal["v1-bundle"] = "v1-bundle"
    path: str
    version: str


@strict_dataclass
class StandaloneCompose:
    """`docker-compose` on PATH is V2 or later under the old name."""

    kind: Literal["modern"] = "modern"
    path: str
    version: str


@strict_dataclass
class NoDockerCompose:
    """There is no `docker-compose` on PATH."""

    kind: Literal["absent"] = "absent"


DockerComposeFacts = Annotated[
    ComposeV1 | ComposeV1Bundle | StandaloneCompose | NoDockerCompose,
    Constraint(discriminator="kind"),
]
