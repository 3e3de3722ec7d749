"""What the engine answers about the resources that Compose files name."""

from collections.abc import Mapping
from dataclasses import field

from infra.host.facts.known import Known, Unknown, known_or_none
from qca.core.frozen import frozen_dataclass

NOT_ASKED = Unknown(reason="no engine was asked")


@frozen_dataclass
class ImageDetails:
    """The part of an image's configuration that decides whether a service works."""

    variables: Mapping[str, str]
    has_health_check: bool


@frozen_dataclass
class EngineAnswers:
    """The engine's answers; it is asked only about kinds of resources that a file names."""

    networks: Known[frozenset[str]] | Unknown = NOT_ASKED
    """The names of all networks."""
    volumes: Known[frozenset[str]] | Unknown = NOT_ASKED
    """The names of all volumes."""
    containers: Known[Mapping[str, str]] | Unknown = NOT_ASKED
    """The names of all containers, each with its Compose project or an empty string."""
    subnets: Known[Mapping[str, tuple[str, ...]]] | Unknown = NOT_ASKED
    """The names of all networks, each with its subnets."""
    images: Mapping[str, Known[ImageDetails | None] | Unknown] = field(
        default_factory=dict[str, Known[ImageDetails | None] | Unknown]
    )
    """The images about which the engine was asked; None if it does not have the image."""

    def find_image(self, name: str) -> ImageDetails | None:
        """Return the details of an image, if the engine has it and was asked."""
        return known_or_none(self.images.get(name, NOT_ASKED))

    def explain_image(self, name: str) -> str:
        """Return why the engine could not inspect an image; an empty string if it did not fail."""
        answer = self.images.get(name)
        return answer.reason if isinstance(answer, Unknown) else ""


NO_ANSWERS = EngineAnswers()
