"""List the images of the Docker Engine, with their sizes."""

from typing import Any

from infra.host.deadline import Deadline
from infra.host.facts import EngineImage
from infra.host.image_names import normalize_name
from infra.host.probes.answer_fields import (
    ARRAY,
    get_optional,
    parse_integer,
    parse_texts,
    require_object,
)
from infra.host.probes.docker.engine_lists import fetch_list

# `/system/df` also has the sizes of shared layers, but takes seconds to determine them.
_PATH = "/images/json"


def list_images(deadline: Deadline) -> tuple[EngineImage, ...]:
    """Return the engine's images that have a name.

    Raises:
        ProbeError: the engine does not list them.

    """
    return fetch_list(_PATH, "images", _parse_images, deadline)


def _parse_images(answer: list[Any]) -> tuple[EngineImage, ...]:
    images = (_parse_image(image) for image in answer)
    return tuple(image for image in images if image.names)


def _parse_image(entry: Any) -> EngineImage:
    answer = require_object(entry)
    listed = [
        name
        for key in ("RepoTags", "RepoDigests")
        for name in parse_texts(get_optional(answer, key, ARRAY))
        if "<none>" not in name  # Engine 20.10 lists an image without a name in this way
    ]
    size = parse_integer(answer["Size"], "Size")
    return EngineImage(names=tuple(map(normalize_name, listed)), size=size)
