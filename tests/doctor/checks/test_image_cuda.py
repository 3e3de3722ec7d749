"""QCA407: the CUDA of the images in a file, against the driver and the GPUs."""

from typing import Any

import pytest

from infra.doctor.image_cuda import find_image_cuda
from infra.host.facts import HostFacts
from tests.support.hosts import driver, engine, gpu, host
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
    (TORCH_13, "gpus: all", _host(), OK, "runs CUDA 13.0"),
    (TORCH_13, "gpus: all", _host(**OLD_DRIVER), ERROR, "needs 580.65.06"),
    (TORCH_13, "runtime: nvidia", _host(**OLD_DRIVER), ERROR, "with CUDA 12"),
    (TORCH_13, "gpus: all", _host(PASCAL), ERROR, "holds no code for NVIDIA GeForce GTX 1050 Ti"),
    (TORCH_12, "gpus: all", _host(PASCAL, **OLD_DRIVER), OK, ""),
    (TORCH_12, "gpus: all", _host(BLACKWELL), ERROR, "Take an image with CUDA 13.0"),
    (TORCH_12, "gpus: all", _host(BLACKWELL, **OLD_DRIVER), ERROR, "No current build of PyTorch"),
    (TORCH_12_8, "gpus: all", _host(VOLTA), SKIPPED, "holds code for NVIDIA TITAN V"),
    (TORCH_12_8, "gpus: all", _host(PASCAL), ERROR, "Take an image with CUDA 12.6"),
    ("nvidia/cuda:12.8.1-base-ubuntu24.04", "gpus: all", _host(), OK, ""),
    (
        "nvidia/cuda:12.8.1-base-ubuntu24.04",
        "gpus: all",
        _host(**OLD_DRIVER),
        WARNING,
        "is of 12.2.\nIt sets NVIDIA_REQUIRE_CUDA",
    ),
    ("nvidia/cuda:13.0.0-base-ubuntu24.04", "gpus: all", _host(**OLD_DRIVER), WARNING, "580.65.06"),
    ("example/worker:v2-cu130", "gpus: all", _host(**OLD_DRIVER), WARNING, "CUDA 13.0"),
    ("vllm/vllm-openai:v0.9.1", "gpus: all", _host(), SKIPPED, "does not say"),
    ("nvidia/cuda:9.2-base", "gpus: all", _host(), SKIPPED, "does not say"),
    (TORCH_13, "command: sleep 1", _host(**OLD_DRIVER), OK, ""),
    (TORCH_13, "gpus: all", host(), OK, ""),  # no GPU: QCA706
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
def test_the_cuda_is_read_off_the_tag(image, version):
    found = find_image_cuda(image)

    assert (found.version if found else None) == version
