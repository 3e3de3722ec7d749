"""What `docker image inspect` prints about an image, and about one that it cannot inspect."""

from pathlib import Path

import pytest

from infra.host.errors import ProbeError
from infra.host.probes.engine_resources import has_health_check, read_image_variables
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

    assert read_image_variables(client, "x:1", ENVIRONMENT) is None
    assert has_health_check(client, "x:1", ENVIRONMENT) is None


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

    for ask in (read_image_variables, has_health_check):
        with pytest.raises(ProbeError) as raised:
            ask(client, "x:1", ENVIRONMENT)
        assert str(raised.value) == f"`docker image inspect` failed: {error}"
