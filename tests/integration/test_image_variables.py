"""The real engine says what an image sets, and that it does not have one."""

import os
from collections.abc import Iterator

import pytest

from infra.host.probes.engine_resources import has_health_check, read_image_variables
from tests.testbed.fixtures import Engine

REQUIRED = "cuda>=12.8 brand=tesla,driver>=535,driver<536"


@pytest.fixture
def image(engine: Engine) -> Iterator[str]:
    """An image that requires something of the driver, as NVIDIA's do."""
    container = f"qca-test-requirement-{os.getpid()}"
    name = f"{container}:1"
    engine.run("create", "--name", container, engine.images.tiny)
    change = f'ENV NVIDIA_REQUIRE_CUDA="{REQUIRED}" CUDA_VERSION=12.8.1'
    engine.run("commit", "--change", change, container, name)
    engine.run("rm", container)
    yield name
    engine.run("image", "rm", name)


def test_an_image_that_is_here_says_what_it_sets(engine: Engine, image: str) -> None:
    found = read_image_variables("docker", image, engine.environment)

    assert found is not None
    assert found["NVIDIA_REQUIRE_CUDA"] == REQUIRED
    assert found["CUDA_VERSION"] == "12.8.1"


@pytest.mark.parametrize("name", ["qca-test-there-is-none:1", "--format={{json .}}", "$(id)"])
def test_an_image_that_is_not_here_says_nothing_and_is_not_pulled(
    engine: Engine, name: str
) -> None:
    assert read_image_variables("docker", name, engine.environment) is None


def test_an_image_that_is_here_says_whether_it_has_a_health_check(engine: Engine) -> None:
    assert has_health_check("docker", engine.images.store, engine.environment) is True
    assert has_health_check("docker", engine.images.tiny, engine.environment) is False
    assert has_health_check("docker", "qca-test-there-is-none:1", engine.environment) is None
