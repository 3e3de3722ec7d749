"""Normalize the names of images, and hide them in records."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from infra.host.facts import EngineImage

_HUB = "docker.io/"
_OFFICIAL = "library/"  # the path of Docker Hub's official images

# The name of the trainer image, without its tag.
TRAINER_REPOSITORY = "qca-trainer"

# The images of the stack, whose names say nothing about the user.
_SHOWN = {
    TRAINER_REPOSITORY,
    "python",
    "pytorch/pytorch",
    "dragonflydb/dragonfly",
    "docker.dragonflydb.io/dragonflydb/dragonfly",
    "ghcr.io/dragonflydb/dragonfly",
}


def normalize_name(name: str) -> str:
    """Return the name by which an engine lists an image.

    `docker.io/library/redis` is `redis:latest`, and a digest makes a tag irrelevant.
    """
    short = name.removeprefix("index.").removeprefix(_HUB).removeprefix(_OFFICIAL)
    repository, tag = split_name(short)
    digest = short.partition("@")[2]
    return f"{repository}@{digest}" if digest else f"{repository}:{tag or 'latest'}"


def split_name(name: str) -> tuple[str, str]:
    """Return the repository of an image and its tag, which is empty if there is none."""
    path, slash, last = name.partition("@")[0].rpartition("/")
    name, _, tag = last.partition(":")
    return f"{path}{slash}{name}", tag


def find_image(images: Iterable[EngineImage], name: str) -> EngineImage | None:
    """Return the image that a Compose file or the plan calls `name`, or None."""
    listed = normalize_name(name)
    wanted = {listed, _hide_name(listed)}
    return next((image for image in images if wanted.intersection(image.names)), None)


def hide_names(images: Iterable[EngineImage]) -> tuple[EngineImage, ...]:
    """Return the images as in a record, with the names of the user's own images hashed.

    `find_image` still finds them, so that the record can be checked with the user's Compose file.
    """
    return tuple(replace(image, names=tuple(map(_hide_name, image.names))) for image in images)


def _hide_name(name: str) -> str:
    """Return a hash of a listed name, or the name itself if it is one of the stack's images."""
    if split_name(name)[0] in _SHOWN or name.startswith("hidden:"):
        return name
    return f"hidden:{hashlib.sha256(name.encode()).hexdigest()[:12]}"
