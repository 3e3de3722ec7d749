"""Facts about Docker: the engine, Compose V2, and the program `docker-compose`."""

from dataclasses import field
from typing import Annotated, Literal

from infra.host.facts.known import Count, Size
from qca.core.validation import Constraint, strict_dataclass

MISSING_BIND_SOURCE = "bind source path does not exist"
"""The error of an engine that does not have a folder to mount (moby, volume/mounts/validate.go)."""


@strict_dataclass
class Engine:
    """A Docker Engine that answered."""

    state: Literal["running"] = "running"
    host: str
    """The address at which it answered, e.g. `unix:///var/run/docker.sock`."""
    context: str
    version: str
    api_version: str
    min_api_version: str | None = None
    """The oldest API version that it accepts; None if that was not recorded."""
    operating_system: str
    cpus: Count
    memory: Size
    cgroup_version: str
    cgroup_driver: str | None = None
    """`systemd` or `cgroupfs`; None if that was not recorded."""
    started: Count | None = None
    """The start time of its daemon, in seconds since 1970; None if it could not be determined."""
    runtimes: tuple[str, ...]
    cdi_devices: tuple[str, ...]
    """CDI devices that the daemon discovered (reported since API 1.50), e.g. `nvidia.com/gpu=0`."""
    root_dir: str
    security_options: tuple[str, ...]
    driver: str
    """Storage driver."""
    architecture: str = ""
    """Machine type of the engine's host, e.g. `x86_64`."""
    daemon_architecture: str | None = None
    """The architecture of its daemon, whose images it runs, e.g. `amd64`; None if not recorded. A
    32-bit daemon (`arm`) can run on a 64-bit kernel (`aarch64`)."""
    os_type: str = "linux"
    """The operating system of its containers: `linux` or `windows`."""
    default_runtime: str = ""
    cdi_dirs: tuple[str, ...] = ()
    """The folders of its CDI files; empty if CDI is off or the engine is too old to report them."""
    limits_memory: bool | None = None
    """Whether it can enforce a container's memory limit, which needs the cgroup controller; None if
    it does not report that."""
    limits_cpu: bool | None = None
    limits_pids: bool | None = None
    """Whether it can limit the number of a container's processes; None if it does not report
    that."""
    most_memlock: Annotated[int, Constraint(ge=-1, lt=2**63)] | None = None
    """The highest limit on locked memory that a container may request, in bytes; -1 means no
    maximum, None that it is unknown."""
    warnings: tuple[str, ...] | None = None
    """Its warnings about its host and configuration; None if they were not recorded."""
    swarm_role: Literal["none", "worker", "manager"] | None = None
    """Its role in a swarm; a node that is still joining one counts as a worker. None if it is
    unknown."""
    components: dict[str, str] = field(default_factory=dict[str, str])
    """Names and versions of its components; Podman reports `Podman Engine`."""

    @property
    def is_podman(self) -> bool:
        """Whether it is Podman, which has releases of its own."""
        return any("podman" in name.lower() for name in self.components)

    @property
    def uses_containerd_images(self) -> bool:
        """Whether containerd stores its images; the driver is then a snapshotter of containerd."""
        return self.driver == "overlayfs"  # Docker's own driver is `overlay2`

    @property
    def is_elsewhere(self) -> bool:
        """Whether it runs on another machine or in Docker Desktop's VM, with a kernel of its own.

        Docker Desktop mounts this machine's files into its VM, so they may be shared nonetheless.
        """
        return not self.host.startswith("unix://") or "Docker Desktop" in self.operating_system

    @property
    def is_rootless(self) -> bool:
        """Whether its daemon runs as an ordinary user."""
        return any("rootless" in option for option in self.security_options)


@strict_dataclass
class NoEngine:
    """The step at which reaching a Docker Engine failed."""

    state: Literal[
        "not-installed", "not-running", "no-permission", "bad-host", "bad-context", "no-answer"
    ]
    host: str
    """The address that was tried."""
    detail: str
    """The error message of the tool that failed."""
    other_sockets: tuple[str, ...] = ()
    """Addresses of existing sockets of other engines (rootless, Desktop, Podman)."""
    socket_group: str | None = None
    """The group that may use the socket, if the user lacks the permission."""
    group_member: bool = False
    """Whether this user is already in that group, and only needs to log in again."""

    @property
    def problem(self) -> str:
        """Why containers cannot be started, as a clause of a sentence."""
        return _PROBLEMS[self.state]


_PROBLEMS = {
    "not-installed": "Docker is not installed",
    "not-running": "no Docker daemon can be reached",
    "no-permission": "this user is not allowed to connect to the Docker daemon",
    "bad-host": "there is no Docker daemon at the selected address",
    "bad-context": "the selected Docker context cannot be used",
    "no-answer": "the Docker daemon did not answer in time",
}

DockerFacts = Annotated[Engine | NoEngine, Constraint(discriminator="state")]


@strict_dataclass
class EngineImage:
    """An image that the engine has."""

    names: tuple[str, ...]
    """Its tags and digests as Docker shows them, e.g. `redis:8`; hidden in a record."""
    size: Size


@strict_dataclass
class ContainerPort:
    """A TCP port of the engine's host that a running container publishes."""

    address: str
    """The address of the host on which it is published, e.g. `0.0.0.0`."""
    port: Annotated[int, Constraint(ge=1, le=65535)]
    container: str
    project: str
    """The container's Compose project; empty if Compose did not create it."""


@strict_dataclass
class ComposePlugin:
    """A `docker compose` (V2 or later) that answered."""

    found: Literal[True] = True
    version: str
    """The version without a leading v, e.g. `2.40.3`."""
    docker_client: str
    """Path of the `docker` program that has the plugin."""
    client_version: str | None = None
    """The version of that program; None if that was not recorded."""
    buildx: str | None = None
    """The version of buildx, which builds images; empty if it is missing, None if not recorded."""
    missing_credential_helpers: tuple[str, ...] | None = None
    """Credential helpers in its configuration that are not on PATH; None if not recorded."""
    fixed_api: str | None = None
    """`DOCKER_API_VERSION`, which fixes the API version of Docker's clients; empty if it is not
    set, None if it was not recorded."""


@strict_dataclass
class NoComposePlugin:
    """`docker compose` is not installed."""

    found: Literal[False] = False
    detail: str


ComposeFacts = Annotated[ComposePlugin | NoComposePlugin, Constraint(discriminator="found")]


@strict_dataclass
class Library:
    """A distribution as an interpreter would import it."""

    version: str
    location: str
    """The folder that it would be imported from."""
    user_site: bool
    """Whether that folder is the interpreter's user site (`pip install --user`)."""
    pythonpath: bool = False
    """Whether PYTHONPATH put that folder on the path."""
    installed: str = ""
    """The date of its installation, e.g. `2025-11-28`; empty if there is no record of it."""
    shadows: tuple["Library", ...] = ()
    """Other versions further down the path, which would be imported if this one were removed."""


@strict_dataclass
class LibraryUser:
    """A distribution that requires one of the libraries; changing the library can break it."""

    distribution: str
    version: str
    requirement: str
    """The requirement in its metadata, e.g. `requests>=2.31`."""


@strict_dataclass
class ComposeV1:
    """A `docker-compose` on PATH that is Compose V1, run by a Python interpreter."""

    kind: Literal["v1"] = "v1"
    path: str
    version: str
    interpreter: str
    python_version: str
    libraries: dict[str, Library]
    """The libraries by name: `docker`, `requests`, `urllib3`, `PyYAML`; a library that cannot be
    imported is left out."""
    users: tuple[LibraryUser, ...] = ()
    """Distributions of that interpreter that require one of the libraries."""
    user_site: str | None = None
    """The interpreter's user site; None if the interpreter does not use it."""
    virtual_environment: bool = False
    externally_managed: bool = False
    """Whether that Python refuses `pip install` (PEP 668: Debian 12 and newer)."""
    user_only: tuple[str, ...] = ()
    """Modules that V1 imports and that exist only in the user site or on PYTHONPATH."""
    missing_modules: tuple[str, ...] | None = None
    """The missing modules that it needs to start; None if they were not recorded."""
    environment_python: str | None = None
    """A Python that can create an environment for V1; empty if there is none, None if that was not
    recorded."""
    beside: "ComposeV1 | None" = None
    """The V1 that `qca doctor --fix` installed in its own environment, if it exists."""


@strict_dataclass
class ComposeV1Bundle:
    """A `docker-compose` on PATH that is the V1 binary, which includes its libraries."""

    kind: Literal["v1-bundle"] = "v1-bundle"
    path: str
    version: str


@strict_dataclass
class StandaloneCompose:
    """A `docker-compose` on PATH that is V2 or later."""

    kind: Literal["modern"] = "modern"
    path: str
    version: str


@strict_dataclass
class NoDockerCompose:
    """The absence of `docker-compose` from PATH."""

    kind: Literal["absent"] = "absent"


DockerComposeFacts = Annotated[
    ComposeV1 | ComposeV1Bundle | StandaloneCompose | NoDockerCompose,
    Constraint(discriminator="kind"),
]
