"""What a project needs from outside its files: resources of the engine, host paths, free names."""

from typing import Literal

from qca.core.frozen import frozen_dataclass


@frozen_dataclass
class ExternalResource:
    """A network, volume or container that a service uses and Compose does not create."""

    kind: Literal["network", "volume", "container"]
    name: str
    """Its name in the engine."""
    line: int
    file: str = ""


PathUse = Literal[
    "build context",
    "Dockerfile",
    "secret",
    "config",
    "bind mount",
    "volume device",
    "seccomp profile",
    "device",
]


@frozen_dataclass
class NeededPath:
    """A host file or folder that a service is built from or mounts."""

    service: str
    use: PathUse
    path: str
    line: int
    file: str = ""
    is_created: bool = False
    """Whether Docker creates a folder in its place if it is missing, although a file is needed."""
    state: Literal["file", "folder", "missing"] | None = None
    """Whether the path is a file, a folder or missing; None if that is unknown."""
    unknown_because: str = "it was not looked up"


@frozen_dataclass
class EngineClaim:
    """A name or subnet that must be unique on the engine."""

    kind: Literal["container name", "subnet"]
    value: str
    owner: str
    """The project that claims the container name, or the network that claims the subnet."""
    line: int
    file: str = ""


@frozen_dataclass
class ReleaseNeed:
    """Something that Docker Engine does only as of a certain release."""

    what: str
    release: tuple[int, int]
    otherwise: str
    """What an older engine does instead, as the rest of a sentence about it."""
    line: int
    file: str = ""
