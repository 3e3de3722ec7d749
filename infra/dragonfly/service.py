"""Recognize the services of a Compose file that run Dragonfly, and read their settings."""

from collections.abc import Mapping
from dataclasses import replace

from infra.compose_file.model import ComposeFile, Service
from infra.dragonfly.command import Flag, find_program
from infra.dragonfly.flag_faults import Effect, FlagFault, find_flag_faults
from infra.dragonfly.given_flags import read_given_flags
from infra.dragonfly.releases import Release, parse_release
from qca.core.frozen import frozen_dataclass

_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"})

# Servers that Dragonfly's image lacks; it contains Ubuntu and redis-tools.
_OTHER_SERVERS = frozenset({"keydb-server", "memcached", "redis-server", "valkey-server"})


@frozen_dataclass
class Dragonfly:
    """The settings with which a Compose file starts Dragonfly."""

    service: Service
    release: Release
    flags: Mapping[str, Flag]
    """The flags by name without dashes, in order; the command line overrides `DFLY_*`."""
    settled_flags: frozenset[str]
    """The flags whose values are certain because no unread flag file follows them."""
    unread_flag_file: Flag | None
    """The flag that names an unread flag file, for example one inside the container."""
    faults: tuple[FlagFault, ...]
    """The faults of the flags; empty if another program may change the flags."""

    @property
    def other_program(self) -> str:
        """The program that the command starts instead of Dragonfly, or an empty string.

        That program may start Dragonfly with other flags.
        """
        program = find_program(self.service)
        if program in _SHELLS:
            return "a shell"
        return "" if program in ("", "dragonfly") else program

    @property
    def missing_program(self) -> str:
        """The command's program, if it cannot be in the image; otherwise empty."""
        program = find_program(self.service)
        image = self.service.image.value if self.service.image else ""
        is_foreign = program in _OTHER_SERVERS and is_official_image(image)
        return program if is_foreign or " " in program else ""

    @property
    def fatal_flags(self) -> tuple[str, ...]:
        """The flags that make Dragonfly exit: they are unknown or invalid, or break its rules."""
        return self._list_flags(Effect.EXITS)

    @property
    def uncertain_flags(self) -> tuple[str, ...]:
        """The flags for which it cannot be determined whether Dragonfly exits."""
        return self._list_flags(Effect.UNCERTAIN)

    def _list_flags(self, effect: Effect) -> tuple[str, ...]:
        return tuple(fault.flag for fault in self.faults if fault.effect is effect)


def is_dragonfly(service: Service) -> bool:
    """Return whether the service's image or command is Dragonfly's; its name does not matter."""
    image = service.image.value if service.image else ""
    return is_dragonfly_image(image) or find_program(service) == "dragonfly"


def is_dragonfly_image(image: str) -> bool:
    """Return whether an image is Dragonfly's, according to its name."""
    return is_official_image(image) or _split_image(image)[1] == "dragonfly"


def is_official_image(image: str) -> bool:
    """Return whether Dragonfly's project publishes an image, according to its name."""
    path, name = _split_image(image)
    is_server = name.startswith("dragonfly") and "operator" not in name
    return path.endswith("dragonflydb") and is_server


def _split_image(image: str) -> tuple[str, str]:
    """Return the path and the name of an image, omitting its tag and digest."""
    path, _, last = image.partition("@")[0].rpartition("/")
    return path, last.partition(":")[0]


def read_dragonfly(file: ComposeFile, service: Service) -> Dragonfly:
    """Return the settings with which a service of `file` starts Dragonfly."""
    release = parse_release(service.image.value if service.image else "")
    given = read_given_flags(file, service, release)
    dragonfly = Dragonfly(
        service, release, given.flags, frozenset(given.settled), given.unread_flag_file, ()
    )
    if dragonfly.other_program:
        return dragonfly  # the flags may belong to the other program
    return replace(dragonfly, faults=find_flag_faults(given, release))
