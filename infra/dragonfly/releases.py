"""Determine the Dragonfly release in an image, and how much is known about it."""

from qca.core.versions import parse_version

Release = tuple[int, int, int]

NEWEST_READ: Release = (1, 40, 1)
"""The newest release whose sources were read."""

LATEST: Release = (2, 1, 0)
"""The release that the tag `latest` named in November 2026. Of 2.x, only the release pages were
read."""

_NEW_LICENSE: Release = (2, 1, 0)
"""The first release without the BSL, which 2.0 still has:
https://www.dragonflydb.io/docs/managing-dragonfly/upgrading"""


def parse_release(image: str) -> Release:
    """Return the release in an image's tag (`v2.1` is 2.1.0), or LATEST if there is none."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    numbers = parse_version(tag)
    if len(numbers) < len(("major", "minor")):
        return LATEST
    major, minor, patch, *_ = (*numbers, 0)
    return major, minor, patch


def is_read(release: Release) -> bool:
    """Return whether a release's sources were read, and not only its release page."""
    return release <= NEWEST_READ


def format_release(release: Release) -> str:
    """Return a release in the format of its tag: `v1.40.1`."""
    return "v" + ".".join(map(str, release))


def describe_license(release: Release) -> str:
    """Return a note on the release's license; empty if the license is the BSL."""
    if release < _NEW_LICENSE:
        return ""
    return (
        f"Dragonfly {format_release(release)} is licensed under the DSAL, which is free in "
        "production on up to 100 vCPUs (v1: the BSL 1.1): "
        "https://github.com/dragonflydb/dragonfly/releases"
    )
