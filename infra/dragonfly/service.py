"""A service of a compose file that runs Dragonfly: recognised, and its settings read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from infra.compose_file.model import ComposeFile, Service
from infra.dragonfly.command import Flag, find_program
from infra.dragonfly.flag_faults import Effect, FlagFault, find_flag_faults
from infra.dragonfly.given_flags import read_given_flags
from infra.dragonfly.releases import Release, parse_release

_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"})

# Servers that other images run and Dragonfly's has not: it is Ubuntu with redis-tools.
_OTHER_SERVERS = frozenset({"keydb-server", "memcached", "redis-server", "valkey-server"})


@dataclass(frozen=True)
class Dragonfly:
    """How a compose file starts Dragonfly."""

    service: Service
    release: Release
    flags: Mapping[str, Flag]
    """By name without dashes, in their order; the command line wins over `DFLY_*`."""
    settled_flags: frozenset[str]
    """Those that no flag file comes after that was not read."""
    unread_flag_file: Flag | None
    """Names a file of further flags that was not read: it lies inside the container, say."""
    faults: tuple[FlagFault, ...]
    """What is wrong with the flags; none if another program may change them."""

    @property
    def other_program(self) -> str:
        """What is started in place of Dragonfly, and may start that as it likes."""
        program = find_program(self.service)
        if program in _SHELLS:
            return "a shell"
        return "" if program in ("", "dragonfly") else program

    @property
    def missing_program(self) -> str:
        """The program of the command that cannot be in the image; empty if it may be."""
        program = find_program(self.service)
        image = self.service.image.value if self.service.image else ""
        is_foreign = program in _OTHER_SERVERS and _is_official_image(image)
        return program if is_foreign or " " in program else ""

    @property
    def fatal_flags(self) -> tuple[str, ...]:
        """The flags over which it exits: unknown, illegal or against a rule of its own."""
        return self._list_flags(Effect.EXITS)

    @property
    def uncertain_flags(self) -> tuple[str, ...]:
        """The flags over which it may exit; whether it does cannot be determined."""
        return self._list_flags(Effect.UNCERTAIN)

    def _list_flags(self, effect: Effect) -> tuple[str, ...]:
        return tuple(fault.flag for fault in self.faults if fault.effect is effect)


def is_dragonfly(service: Service) -> bool:
    """Whether the service's image or command is Dragonfly's; its name means nothing."""
    image = service.image.value if service.image else ""
    return is_dragonfly_image(image) or find_program(service) == "dragonfly"


def is_dragonfly_image(image: str) -> bool:
    """Whether an image is Dragonfly by its name."""
    return _is_official_image(image) or _split_image(image)[1] == "dragonfly"


def _is_official_image(image: str) -> bool:
    path, name = _split_image(image)
    is_server = name.startswith("dragonfly") and "operator" not in name
    return path.endswith("dragonflydb") and is_server


def _split_image(image: str) -> tuple[str, str]:
    """Return an image's path and name, without tag and digest."""
    path, _, last = image.partition("@")[0].rpartition("/")
    return path, last.partition(":")[0]


def read_dragonfly(file: ComposeFile, service: Service) -> Dragonfly:
    """Return the settings that a service of `file` gives to Dragonfly."""
    release = parse_release(service.image.value if service.image else "")
    given = read_given_flags(file, service, release)
    dragonfly = Dragonfly(
        service, release, given.flags, frozenset(given.settled), given.unread_flag_file, ()
    )
    if dragonfly.other_program:
        return dragonfly  # the flags may be the other program's
    return replace(dragonfly, faults=find_flag_faults(given, release))
