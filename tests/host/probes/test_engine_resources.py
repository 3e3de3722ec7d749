"""What `docker image inspect` prints about an image, and about one that it cannot inspect."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.host.errors import ProbeError
from infra.host.facts import ImageDetails
from infra.host.probes.engine_resources import inspect_image
from tests.support.fake_programs import write_program

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def _fail(folder: Path, error: str) -> str:
    return str(write_program(folder / "docker", f"echo; echo '{error}' >&2; exit 1"))


@pytest.mark.parametrize(
    "error",
    [
        "Error: No such image: x:1",  # older clients
        "Error response from daemon: No such image: x:1",  # newer clients
        "Error response from daemon: no such image: x:1: No such image: x:1",  # Engine 20.10
        "Error: inspecting object: x:1: image not known",  # Podman
    ],
)
def test_an_image_that_the_engine_does_not_have(tmp_path, error):
    client = _fail(tmp_path, error)

    assert inspect_image(client, "x:1", ENVIRONMENT) is None


@pytest.mark.parametrize(
    "error",
    [
        "Cannot connect to the Docker daemon at unix:///run/docker.sock.",
        "permission denied while trying to connect to the Docker daemon socket",
        "Error response from daemon: client version 1.24 is too old.",
        "Error response from daemon: layer does not exist",
    ],
)
def test_any_other_failure_is_unknown_in_the_words_of_the_engine(tmp_path, error):
    client = _fail(tmp_path, error)

    with pytest.raises(ProbeError) as raised:
        inspect_image(client, "x:1", ENVIRONMENT)
    assert str(raised.value) == f"`docker image inspect` failed: {error}"


CHECK = {"Test": ["CMD", "true"]}


@pytest.mark.parametrize(
    ("image", "details"),
    [
        ({"Config": {"Env": ["A=b=c", "B="]}}, ImageDetails({"A": "b=c", "B": ""}, False)),
        ({"Config": {"Env": None, "Healthcheck": None}}, ImageDetails({}, False)),
        ({"Config": {"Healthcheck": CHECK}}, ImageDetails({}, True)),
        ({"Config": {"Healthcheck": {"Test": ["NONE"]}}}, ImageDetails({}, False)),
        ({"Config": {"Healthcheck": {"Interval": 1}}}, ImageDetails({}, False)),
        ({"Config": {}, "Healthcheck": CHECK}, ImageDetails({}, True)),  # Podman 5
        ({"Config": {}, "HealthCheck": CHECK}, ImageDetails({}, True)),  # Podman 2
    ],
)
def test_an_image_is_described_by_its_variables_and_its_health_check(tmp_path, image, details):
    assert _inspect(tmp_path, [image]) == details


@pytest.mark.parametrize(
    "answer",
    ["nonsense", [], [None], {}, [{}], [{"Config": None}], [{"Config": {"Env": ["no sign"]}}]],
)
def test_an_answer_that_describes_no_image_is_unknown(tmp_path, answer):
    with pytest.raises(ProbeError, match="`docker image inspect` printed"):
        _inspect(tmp_path, answer)


def _inspect(folder: Path, answer: Any) -> ImageDetails | None:
    client = write_program(folder / "docker", f"echo '{json.dumps(answer)}'")
    return inspect_image(str(client), "x:1", ENVIRONMENT)
