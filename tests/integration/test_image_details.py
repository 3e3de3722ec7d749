"""The real engine describes an image, and reports a missing image."""

import os
from collections.abc import Iterator

import pytest

from infra.host.probes.engine_resources import inspect_image
from tests.testbed.fixtures import Engine

REQUIRED = "cuda>=12.8 brand=tesla,driver>=535,driver<536"


@pytest.fixture
def image(engine: Engine) -> Iterator[str]:
    """An image with requirements for the driver, like NVIDIA's."""
    container = f"qca-test-requirement-{os.getpid()}"
    name = f"{container}:1"
    engine.run("create", "--name", container, engine.images.tiny)
    change = f'ENV NVIDIA_REQUIRE_CUDA="{REQUIRED}" CUDA_VERSION=12.8.1'
    engine.run("commit", "--change", change, container, name)
    engine.run("rm", container)
    yield name
    engine.run("image", "rm", name)


def test_the_variables_of_a_local_image_are_read(engine: Engine, image: str) -> None:
    found = inspect_image("docker", image, engine.environment)

    assert found is not None
    assert found.variables["NVIDIA_REQUIRE_CUDA"] == REQUIRED
    assert found.variables["CUDA_VERSION"] == "12.8.1"


@pytest.mark.parametrize("name", ["qca-test-there-is-none:1", "--format={{json .}}", "$(id)"])
def test_a_missing_image_is_unknown_and_not_pulled(engine: Engine, name: str) -> None:
    assert inspect_image("docker", name, engine.environment) is None


def test_an_image_that_is_here_says_whether_it_has_a_health_check(engine: Engine) -> None:
    for image, expected in ((engine.images.store, True), (engine.images.tiny, False)):
        found = inspect_image("docker", image, engine.environment)

        assert found is not None
        assert found.has_health_check is expected
