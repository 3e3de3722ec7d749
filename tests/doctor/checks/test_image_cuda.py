"""QCA407: the CUDA version of the images in a file, compared with the driver and the GPUs."""

from pathlib import Path
from typing import Any

import pytest

from infra.doctor.analysis.image_cuda import find_image_cuda, list_gpu_images
from infra.doctor.finding import Finding
from infra.host.facts import EngineAnswers, HostFacts, ImageDetails, Known, Unknown
from tests.support.hosts import CDI_ENGINE, compose_file, driver, engine, gpu, host, one
from tests.support.verdicts import ERROR, OK, SKIPPED, WARNING, judge_file

TORCH_13 = "pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime"
TORCH_12 = "pytorch/pytorch:2.13.0-cuda12.6-cudnn9-runtime"
OLD_DRIVER: dict[str, Any] = {"driver_version": "535.183.01", "cuda_version": (12, 2)}
TORCH_12_8 = "pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime"
BLACKWELL = gpu(name="NVIDIA GeForce RTX 5070", compute_capability=(12, 0))
VOLTA = gpu(name="NVIDIA TITAN V", compute_capability=(7, 0))
PASCAL = gpu(name="NVIDIA GeForce GTX 1050 Ti", compute_capability=(6, 1))


def _host(*gpus: Any, **changes: Any) -> HostFacts:
    return host(gpu=driver(*(gpus or (gpu(),)), **changes))


CASES = [
    (TORCH_13, "gpus: all", _host(), OK, "can run CUDA 13.0"),
    (TORCH_13, "gpus: all", _host(**OLD_DRIVER), ERROR, "needs 580.65.06"),
    (TORCH_13, "runtime: nvidia", _host(**OLD_DRIVER), ERROR, "with CUDA 12"),
    (TORCH_13, "gpus: all", _host(PASCAL), ERROR, "has no code for NVIDIA GeForce GTX 1050 Ti"),
    (TORCH_12, "gpus: all", _host(PASCAL, **OLD_DRIVER), OK, ""),
    (TORCH_12, "gpus: all", _host(BLACKWELL), ERROR, "Use an image with CUDA 13.0"),
    (TORCH_12, "gpus: all", _host(BLACKWELL, **OLD_DRIVER), ERROR, "No current build of PyTorch"),
    (TORCH_12_8, "gpus: all", _host(VOLTA), SKIPPED, "has code for NVIDIA TITAN V"),
    (TORCH_12_8, "gpus: all", _host(PASCAL), ERROR, "Use an image with CUDA 12.6"),
    ("nvidia/cuda:12.8.1-base-ubuntu24.04", "gpus: all", _host(), OK, ""),
    (
        "nvidia/cuda:12.8.1-base-ubuntu24.04",
        "gpus: all",
        _host(**OLD_DRIVER),
        WARNING,
        "supports 12.2.\nIt sets NVIDIA_REQUIRE_CUDA",
    ),
    ("nvidia/cuda:13.0.0-base-ubuntu24.04", "gpus: all", _host(**OLD_DRIVER), WARNING, "580.65.06"),
    ("example/worker:v2-cu130", "gpus: all", _host(**OLD_DRIVER), WARNING, "CUDA 13.0"),
    ("vllm/vllm-openai:v0.9.1", "gpus: all", _host(), SKIPPED, "determine the CUDA version"),
    ("nvidia/cuda:9.2-base", "gpus: all", _host(), SKIPPED, "determine the CUDA version"),
    (TORCH_13, "command: sleep 1", _host(**OLD_DRIVER), OK, ""),
    (TORCH_13, "gpus: all", host(), OK, ""),  # without a GPU, QCA706 reports it
    (TORCH_13, "gpus: all", host(docker=engine(host="tcp://x:1"), gpu=driver(gpu())), OK, ""),
]


@pytest.mark.parametrize(("image", "line", "facts", "severity", "says"), CASES)
def test_an_image_gets_its_verdict(tmp_path, image, line, facts, severity, says):
    text = f"services:\n  train:\n    image: {image}\n    {line}\n"

    found = judge_file(tmp_path, "QCA407", text, facts)

    assert (found.severity, found.message) == (severity, found.message)
    assert says in found.message
    assert found.location is None or found.location.line == 3


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("localhost:5000/pytorch/pytorch:2.9.1-cuda12.8-cudnn9-devel", (12, 8)),
        ("nvcr.io/nvidia/cuda:12.4.1-runtime-ubuntu22.04@sha256:00", (12, 4)),
        ("ghcr.io/example/tool:1.2-cu126", (12, 6)),
        ("example/tool:v3_cuda_11.8", (11, 8)),
        ("localhost:5000/nvidia/cuda", None),
        ("nvidia/cuda", None),
        ("example/cuda12.4:latest", None),
        ("example/accu126:1", None),
    ],
)
def test_the_cuda_version_is_read_from_the_tag(image, version):
    found = find_image_cuda(image)

    assert (found.version if found else None) == version


REQUIRED = {
    "CUDA_VERSION": "12.8.1",
    "NVIDIA_REQUIRE_CUDA": "cuda>=12.8 brand=tesla,driver>=535,driver<536",
}
DISABLED = "environment: {NVIDIA_DISABLE_REQUIRE: 'true'}"


def _judge_present(
    folder: Path, facts: HostFacts, variables: dict[str, str], line: str = ""
) -> Finding:
    """Return the finding about a service whose image sets these variables and is on the engine."""
    text = f"services:\n  app:\n    image: example/app:1\n    gpus: all\n    {line}\n"
    file = compose_file(folder, text)
    details = ImageDetails(variables, has_health_check=False)
    answers = EngineAnswers(images={"example/app:1": Known(value=details)})
    return one(facts, "QCA407", files=[file], engine_answers=answers)


@pytest.mark.parametrize(
    ("facts", "line", "severity", "says"),
    [
        (_host(), "", OK, "driver 580.95.05 can run CUDA 12.8"),
        (
            _host(**OLD_DRIVER),
            "",
            ERROR,
            "unsatisfied condition: cuda>=12.8\nUpgrade the driver to 570.26 or newer",
        ),
        (_host(gpu(name="Tesla T4"), **OLD_DRIVER), "", SKIPPED, "cannot determine"),
        (_host(driver_version="unknown"), "", SKIPPED, "'unknown' can run CUDA 12.8"),
        (_host(**OLD_DRIVER), DISABLED, OK, "can run CUDA 12.8"),
        # With CDI devices, the engine does not enforce an image's requirements.
        (host(docker=CDI_ENGINE, gpu=driver(gpu(), **OLD_DRIVER)), "", OK, "can run CUDA 12.8"),
    ],
)
def test_a_local_image_has_its_own_requirements(tmp_path, facts, line, severity, says):
    found = _judge_present(tmp_path, facts, REQUIRED, line)

    assert (found.severity, found.message) == (severity, found.message)
    assert says in found.message


@pytest.mark.parametrize(
    ("requirement", "advice"),
    [
        ("arch>=9.0", "Use an image for this GPU."),
        ("brand=tesla arch>=9.0", "Use an image for this GPU."),
        ("arch>=8.0,cuda>=13.1", "Upgrade the driver, or use an older image."),
    ],
)
def test_a_new_driver_is_advised_only_if_the_driver_is_the_cause(tmp_path, requirement, advice):
    found = _judge_present(tmp_path, _host(), {"NVIDIA_REQUIRE_CUDA": requirement})

    assert (found.severity, found.message.splitlines()[-1]) == (ERROR, advice)


def test_a_local_image_without_requirements_is_not_checked(tmp_path):
    assert _judge_present(tmp_path, _host(), {}).severity is SKIPPED


def _judge_uninspected(folder: Path, image: str, facts: HostFacts) -> Finding:
    file = compose_file(folder, f"services:\n  app: {{image: '{image}', gpus: all}}\n")
    answers = EngineAnswers(images={image: Unknown(reason="permission denied")})
    return one(facts, "QCA407", files=[file], engine_answers=answers)


@pytest.mark.parametrize(
    ("image", "facts", "severity", "says"),
    [
        ("example/app:1", _host(), SKIPPED, "the CUDA version of example/app:1: permission denied"),
        (TORCH_13, _host(), SKIPPED, "can run CUDA 13.0, but cannot determine what else"),
        (TORCH_13, _host(**OLD_DRIVER), ERROR, "needs 580.65.06"),
    ],
)
def test_an_image_that_could_not_be_inspected_is_not_fine(tmp_path, image, facts, severity, says):
    found = _judge_uninspected(tmp_path, image, facts)

    assert (found.severity, found.message) == (severity, found.message)
    assert says in found.message
    assert ("permission denied" in found.message) is (severity is SKIPPED)


@pytest.mark.parametrize(
    ("keys", "images"),
    [
        ("image: a, gpus: all", ["a"]),
        ("image: a, runtime: nvidia", ["a"]),
        ("image: a", []),
        ("build: ., gpus: all", []),
        ("image: a, build: ., gpus: all", []),
    ],
)
def test_only_images_of_gpu_services_are_inspected(tmp_path, keys, images):
    file = compose_file(tmp_path, f"services:\n  app: {{{keys}}}\n")

    assert [*list_gpu_images(file)] == images
