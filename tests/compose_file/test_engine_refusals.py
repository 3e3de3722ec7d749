"""Settings that Compose accepts but Docker Engine refuses, with the engine's message.

Every row was run with Engine 20.10 and Compose 2.40 (`test_engine_refuses` of
tests/integration/test_refusals.py runs them again).
"""

import pytest

from tests.support.engine_refusals import ACCEPTED, REFUSED, write_project
from tests.support.hosts import compose_file


def _read(folder, settings: str) -> list[str]:
    file = compose_file(folder, write_project("alpine:3.20", settings), HOME="/root")
    return [refusal.message for service in file.services for refusal in service.engine_refusals]


@pytest.mark.parametrize(("settings", "words"), REFUSED)
def test_refused(tmp_path, settings, words):
    (message,) = _read(tmp_path, settings)

    assert words in message.split("\nDocker reports: ")[1]


@pytest.mark.parametrize("settings", ACCEPTED)
def test_accepted(tmp_path, settings):
    assert _read(tmp_path, settings) == []


def test_the_line_is_that_of_the_setting(tmp_path):
    settings = "sysctls:\n  net.core.somaxconn: 9\n  vm.swappiness: 1"
    file = compose_file(tmp_path, write_project("alpine:3.20", settings))
    (refusal,) = file.services[0].engine_refusals
    line = file.sources[file.path][refusal.line - 1]

    assert line.strip() == "vm.swappiness: 1"


@pytest.mark.parametrize(
    "image",
    [
        "redis",
        "redis:7.4-alpine",
        "library/redis:7",
        "ghcr.io/team/app_x/y.z--w:V1.2_3",
        "localhost:5000/a",
        "Registry.Example.com/x:8",
        "MyOrg/app",
        "10.0.0.1:443/a/b",
        "alpine@sha256:beefdbd8a1da6d2915566fde36db9db0b524eb737fc57cd1367effd16dc0d06d",
        "alpine:3@sha256:beefdbd8a1da6d2915566fde36db9db0b524eb737fc57cd1367effd16dc0d06d",
    ],
)
def test_a_valid_image_name_is_accepted(tmp_path, image):
    file = compose_file(tmp_path, f"services: {{a: {{image: '{image}'}}}}\n")

    assert file.services[0].engine_refusals == ()


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("ghcr.io/MyOrg/app:1", "repository name must be lowercase"),
        ("MyApp", "repository name must be lowercase"),
        ("redis:", "invalid reference format"),
        ("redis:${TAG}", "invalid reference format"),
        ("redis: 7", "invalid reference format"),
        ("redis:7:8", "invalid reference format"),
        ("redis/-x:8", "invalid reference format"),
        ("https://docker.io/redis:7", "invalid reference format"),
    ],
)
def test_an_invalid_image_name_is_refused(tmp_path, image, words):
    """The usual cause is capital letters in the owner's name on GitHub (openstatusHQ/openstatus
    1923)."""
    file = compose_file(tmp_path, f"services: {{a: {{image: '{image}'}}}}\n")
    (refusal,) = file.services[0].engine_refusals

    assert refusal.message.endswith(words)


def test_services_in_different_profiles_may_share_an_address(tmp_path):
    network = "networks: {n: {ipam: {config: [{subnet: 172.28.9.0/24}]}}}\n"
    service = "{image: alpine, profiles: [%s], networks: {n: {ipv4_address: 172.28.9.9}}}"
    text = f"services: {{a: {service % 'x'}, b: {service % 'y'}}}\n{network}"

    assert [one.engine_refusals for one in compose_file(tmp_path, text).services] == [(), ()]


def test_a_network_of_a_file_that_was_not_read_may_have_any_subnet(tmp_path):
    text = (
        "include: [../shared.yaml]\n"
        "services: {a: {image: alpine, networks: {n: {ipv4_address: 172.28.9.9}}}}\n"
    )

    assert compose_file(tmp_path, text).services[0].engine_refusals == ()
