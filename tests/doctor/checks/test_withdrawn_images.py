"""QCA714: images that their publishers removed."""

import pytest

from infra.host.facts import EngineImage
from infra.host.image_names import normalize_name
from tests.support.hosts import host
from tests.support.verdicts import OK, WARNING, judge_file


def _judge(folder, service: str, *present: str):
    images = tuple(EngineImage(names=(normalize_name(name),), size=1) for name in present)
    facts = host(images=images)
    return judge_file(folder, "QCA714", f"services: {{a: {{{service}}}}}\n", facts)


@pytest.mark.parametrize(
    ("image", "severity", "says"),
    [
        # opencrvs/opencrvs-core 10602, bitnami/charts 36313
        ("bitnami/redis:8.0", WARNING, "bitnamilegacy/redis:8.0"),
        ("docker.io/bitnami/redis:8.2.1-debian-12-r0", WARNING, "September 2025"),
        ("bitnami/redis", OK, ""),
        ("bitnami/redis:latest", OK, ""),
        ("bitnamilegacy/redis:8.0", OK, ""),
        ("registry.example.com/bitnami/redis:8.0", OK, ""),
        # NVIDIA/nvidia-docker 1454 and 1768
        ("nvidia/cuda", WARNING, "the tag `latest`"),
        ("nvidia/cuda:10.2-cudnn7-devel-ubuntu18.04", WARNING, "before CUDA 11"),
        ("nvidia/cuda:9.0-base", WARNING, "before CUDA 11"),
        ("nvidia/cuda:12.6.3-base-ubuntu24.04", OK, ""),
        ("nvcr.io/nvidia/cuda:10.2-base", OK, ""),
        ("redis:7.2", OK, ""),
    ],
)
def test_verdict(tmp_path, image, severity, says):
    finding = _judge(tmp_path, f"image: '{image}'")

    assert finding.severity is severity
    assert says in finding.message


def test_an_image_that_the_engine_has_needs_no_registry(tmp_path):
    assert _judge(tmp_path, "image: 'bitnami/redis:8.0'", "bitnami/redis:8.0").severity is OK


@pytest.mark.parametrize("service", ["image: 'bitnami/redis:8.0', build: .", "build: ."])
def test_an_image_that_is_built_is_not_pulled(tmp_path, service):
    assert _judge(tmp_path, service).severity is OK


def test_what_was_not_recorded_does_not_hide_a_withdrawal(tmp_path):
    facts = host(images="not recorded")
    text = "services: {a: {image: 'bitnami/redis:8.0'}}\n"

    assert judge_file(tmp_path, "QCA714", text, facts).severity is WARNING
