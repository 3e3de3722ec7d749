"""Ask the engine about the networks, volumes, containers and images that Compose files name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from infra.compose_file.model import ComposeFile
from infra.doctor.analysis.image_cuda import keep_nvidia_variables, list_gpu_images
from infra.doctor.analysis.image_health import list_awaited_images
from infra.host.errors import ProbeError
from infra.host.facts import NOT_ASKED, EngineAnswers, ImageDetails, Known, Unknown
from infra.host.probes.engine_resources import (
    inspect_image,
    list_containers,
    list_network_subnets,
    list_networks,
    list_volumes,
)

T = TypeVar("T")


def ask_engine(
    files: Sequence[ComposeFile], docker_client: str, environment: Mapping[str, str]
) -> EngineAnswers:
    """Return the engine's answers about the files; each question is asked once, if a file needs it.

    An answer is unknown if the client cannot be started or the engine does not answer.
    """
    named = {one.kind for file in files for one in (*file.externals, *file.claims)}

    def ask(question: Callable[[str, Mapping[str, str]], T], *kinds: str) -> Known[T] | Unknown:
        if named.isdisjoint(kinds):
            return NOT_ASKED
        return _answer(lambda: question(docker_client, environment))

    def inspect(name: str) -> ImageDetails | None:
        details = inspect_image(docker_client, name, environment)
        return details and replace(details, variables=keep_nvidia_variables(details.variables))

    return EngineAnswers(
        networks=ask(list_networks, "network"),
        volumes=ask(list_volumes, "volume"),
        containers=ask(list_containers, "container", "container name"),
        subnets=ask(list_network_subnets, "subnet"),
        images={name: _answer(lambda name=name: inspect(name)) for name in _list_images(files)},
    )


def _answer(question: Callable[[], T]) -> Known[T] | Unknown:
    try:
        return Known(value=question())
    except ProbeError as error:
        return Unknown(reason=str(error))


def _list_images(files: Sequence[ComposeFile]) -> dict[str, None]:
    """Return the images that a check judges by their content, each once."""
    return dict.fromkeys(
        name for file in files for name in (*list_gpu_images(file), *list_awaited_images(file))
    )
