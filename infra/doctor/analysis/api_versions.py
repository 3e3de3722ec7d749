"""Determine the Engine API versions that the engine accepts and its clients support.

A client that negotiates uses the newest version that both sides support. The engine refuses a
client whose newest version is older than the oldest version that the engine accepts.
"""

from infra.host.facts import Engine
from qca.core.frozen import frozen_dataclass
from qca.core.versions import parse_version

Api = tuple[int, ...]


@frozen_dataclass
class NewestApi:
    """The lower and upper bound of the newest API version that a release supports."""

    least: Api
    most: Api | None
    """The upper bound; None if there is none."""

    def reaches(self, minimum: Api) -> bool | None:
        """Return whether the release supports `minimum`; None if that depends on the build."""
        if self.least >= minimum:
            return True
        return False if self.most is not None and self.most < minimum else None

    def __str__(self) -> str:
        least = format_api(self.least)
        if self.most == self.least:
            return least
        return f"{least} to {format_api(self.most)}" if self.most else f"{least} or newer"


# The oldest API that the engine accepts, starting with each release.
# 29 raised it to 1.44 (https://docs.docker.com/engine/release-notes/29/), and 29.3 lowered it
# again.
_OLDEST_OF_ENGINE: tuple[tuple[Api, Api], ...] = (
    ((29, 3), (1, 40)),
    ((29,), (1, 44)),
    ((25,), (1, 24)),
    ((1,), (1, 12)),
)

# Compose contains a client of its own. According to Compose's go.mod, the client is from moby 20.10
# in Compose 2.0, and from moby 25.0 in Compose 2.24 and newer. Users have reported that Compose 2.3
# and 2.5 fail with Engine 29: https://github.com/docker/compose/issues/13389
_NEWEST_OF_COMPOSE = (
    ((2, 24), NewestApi((1, 44), None)),
    ((2,), NewestApi((1, 41), (1, 43))),
)

# https://docs.docker.com/reference/api/engine/#api-version-matrix
_NEWEST_OF_CLIENT = (
    ((29,), NewestApi((1, 52), None)),
    ((28,), NewestApi((1, 48), (1, 51))),
    ((27,), NewestApi((1, 46), (1, 47))),
    ((26,), NewestApi((1, 45), (1, 45))),
    ((25,), NewestApi((1, 44), (1, 44))),
    ((24,), NewestApi((1, 43), (1, 43))),
    ((23,), NewestApi((1, 42), (1, 42))),
    ((20, 10), NewestApi((1, 41), (1, 41))),
    ((19, 3), NewestApi((1, 40), (1, 40))),
    ((1, 12), NewestApi((1, 24), (1, 39))),
)


def find_oldest_accepted(engine: Engine) -> Api | None:
    """Return the oldest API that the engine accepts, according to its answer or its release."""
    if engine.min_api_version:
        return parse_version(engine.min_api_version) or None
    release = parse_version(engine.version)
    return next((oldest for first, oldest in _OLDEST_OF_ENGINE if release >= first), None)


def find_newest_of_compose(version: str) -> NewestApi | None:
    """Return the newest API that this release of Compose supports, or None if unknown."""
    release = parse_version(version)
    return next((newest for first, newest in _NEWEST_OF_COMPOSE if release >= first), None)


def find_newest_of_client(version: str) -> NewestApi | None:
    """Return the newest API that this release of `docker` supports, or None if unknown."""
    release = parse_version(version)
    return next((newest for first, newest in _NEWEST_OF_CLIENT if release >= first), None)


def format_api(api: Api) -> str:
    """Return a version as Docker writes it, e.g. `1.44`."""
    return ".".join(map(str, api))
