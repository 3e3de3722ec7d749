"""Facts about Docker: the engine, Compose V2, and what `docker-compose` runs."""

from typing import Annotated, Literal

from pydantic import Field

from infra.host.fact import Count, FactModel, Size, Text


class Engine(FactModel):
    """A Docker Engine that answered."""

    state: Literal["running"] = "running"
    host: Text
    """Where it was reached, e.g. `unix:///var/run/docker.sock`."""
    context: Text
    version: Text
    api_version: Text
    operating_system: Text
    cpus: Count
    memory: Size
    cgroup_version: Text
    runtimes: tuple[Text, ...]
    cdi_devices: tuple[Text, ...]
    """CDI devices that the daemon discovered (API 1.50 and newer tell), e.g. `nvidia.com/gpu=0`."""
    root_dir: Text
    security_options: tuple[Text, ...]
    driver: Text
    """Storage driver."""
    architecture: Text = ""
    """Machine type of the engine's host, e.g. `x86_64`."""
    os_type: Text = "linux"
    """What its containers run: `linux` or `windows`."""
    default_runtime: Text = ""
    cdi_dirs: tuple[Text, ...] = ()
    """Where it looks for CDI files; empty where CDI is off, or too old to tell."""
    limits_memory: bool | None = None
    """Whether it can hold containers to a memory limit (not so without the cgroup controller);
    None where it does not tell."""
    limits_cpu: bool | None = None
    most_memlock: Annotated[int, Field(ge=-1, lt=2**63)] | None = None
    """The most locked memory that a container may ask for, in bytes; -1 any, None unknown."""
    components: dict[str, Text] = Field(default_factory=dict)
    """Names and versions of its parts; Podman in Docker's place says `Podman Engine`."""


class NoEngine(FactModel):
    """No Docker Engine could be used, and at which step it failed."""

    state: Literal[
        "not-installed", "not-running", "no-permission", "bad-host", "bad-context", "no-answer"
    ]
    host: Text
    """Where it was looked for."""
    detail: Text
    """The error, in the words of the tool that met it."""
    other_sockets: tuple[Text, ...] = ()
    """Addresses of other engines' sockets that are there (rootless, Desktop, Podman)."""
    socket_group: Text | None = None
    """Group that may use the socket, where permission is what lacks."""
    group_member: bool = False
    """Whether this user is already listed in that group: then a new login is missing."""


DockerFacts = Annotated[Engine | NoEngine, Field(discriminator="state")]


class ComposePlugin(FactModel):
    """`docker compose` (V2 or later) answered."""

    found: Literal[True] = True
    version: Text
    """Without a leading v, e.g. `2.40.3`."""
    docker_client: Text
    """Path of the `docker` program that has the plugin."""


class NoComposePlugin(FactModel):
    """`docker compose` is not there."""

    found: Literal[False] = False
    detail: Text


ComposeFacts = Annotated[ComposePlugin | NoComposePlugin, Field(discriminator="found")]


class Library(FactModel):
    """A distribution as an interpreter would import it."""

    version: Text
    location: Text
    """Folder it would be imported from."""
    user_site: bool
    """Whether that folder is the interpreter's user site (`pip install --user`)."""
    pythonpath: bool = False
    """Whether PYTHONPATH put that folder on the path."""
    installed: Text = ""
    """Day on which it was installed there, e.g. `2025-11-28`; empty if it left no record."""
    shadows: tuple["Library", ...] = ()
    """Other versions further down the path: imported if this one were not there."""


class LibraryUser(FactModel):
    """A distribution that requires one of the libraries; a change can break it."""

    distribution: Text
    version: Text
    requirement: Text
    """As its metadata says it, e.g. `requests>=2.31`."""


class ComposeV1(FactModel):
    """`docker-compose` on PATH is Compose V1, run by a Python interpreter."""

    kind: Literal["v1"] = "v1"
    path: Text
    version: Text
    interpreter: Text
    python_version: Text
    libraries: dict[str, Library]
    """Keys `docker`, `requests`, `urllib3`, `PyYAML`; a missing one is not importable."""
    users: tuple[LibraryUser, ...] = ()
    """Distributions of that interpreter that require one of the libraries."""
    user_site: Text | None = None
    """The interpreter's user site; None where it does not look there."""
    virtual_environment: bool = False
    externally_managed: bool = False
    """Whether `pip install` is refused there (PEP 668: Debian 12 and newer)."""
    user_only: tuple[Text, ...] = ()
    """Modules that V1 imports and that only the user site or PYTHONPATH has."""
    beside: "ComposeV1 | None" = None
    """The one that `qca doctor --fix` set up in an environment of its own, if it is there."""


class ComposeV1Bundle(FactModel):
    """`docker-compose` on PATH is the self-contained V1 binary, with libraries of its own."""

    kind: Literal["v1-bundle"] = "v1-bundle"
    path: Text
    version: Text


class StandaloneCompose(FactModel):
    """`docker-compose` on PATH is V2 or later under the old name."""

    kind: Literal["modern"] = "modern"
    path: Text
    version: Text


class NoDockerCompose(FactModel):
    """There is no `docker-compose` on PATH."""

    kind: Literal["absent"] = "absent"


DockerComposeFacts = Annotated[
    ComposeV1 | ComposeV1Bundle | StandaloneCompose | NoDockerCompose, Field(discriminator="kind")
]
