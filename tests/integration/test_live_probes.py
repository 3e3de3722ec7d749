"""The probes of `qca doctor --deep` on a real engine, with images that simulate failures.

The GPU is a stand-in for NVIDIA's libcuda that fails on request; the program itself was tested on
an H200 (docs/doctor.md).
"""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.stack.docker_client import connect_engine
from infra.stack.engine_files import pack_secret
from infra.stack.live import folder as folder_probe
from infra.stack.live import lookup as lookup_probe
from infra.stack.live.folder import make_folder, try_folder
from infra.stack.live.gpu import run_on_gpu
from infra.stack.live.lookup import look_up_names
from infra.stack.live.sandbox import ContainerRefusedError, ContainerRequest, Sandbox
from infra.stack.live.volumes import write_volumes
from infra.stack.run_storage import RunStorage
from tests.support.built_images import build_images
from tests.testbed.fixtures import HERE, Engine, unavailable

CONFINED: dict[str, Any] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "mem_limit": "512M",
    "pids_limit": 64,
    "tmpfs": ["/tmp:size=16m,mode=1777"],
}
STUB_TORCH = (
    "__version__ = '2.13.0'\nclass version: cuda = '13.0'\n"
    "def ones(*size, device): raise RuntimeError('CUDA error: no kernel image is available')\n"
)


@pytest.fixture
def sandbox(engine_environment: Engine) -> Iterator[Sandbox]:
    with connect_engine() as client, Sandbox(client, threading.Event()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def build(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Build images with the stand-in for libcuda and a torch for other GPUs."""
    folder = tmp_path_factory.mktemp("cuda")
    if shutil.which("cc") is None:
        unavailable("no C compiler for the stand-in of libcuda")
    source = HERE / "cuda_standin" / "libcuda.c"
    library = folder / "libcuda.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    (folder / "torch.py").write_text(STUB_TORCH)
    with build_images(engine, folder) as build:
        yield build


@pytest.fixture(scope="module")
def cuda(engine: Engine, build: Callable[..., str]) -> str:
    """An image with a Python and the stand-in for libcuda."""
    return build(engine.images.store, "COPY libcuda.so.1 /usr/lib/")


@pytest.mark.parametrize(
    ("lines", "failed_at", "code", "detail"),
    [
        ("", None, None, ""),
        ("ENV FAIL_AT=cuInit FAIL_WITH=999", "init", 999, "cuInit: CUDA_ERROR_STANDIN"),
        ("ENV PYTHONPATH=/stub\nCOPY torch.py /stub/", "kernel", None, "no kernel image"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("ENV CRASH=1", "program", None, "exit code 139"),
                ("ENV NO_DEVICE=1", "device", None, "no device"),
                ("ENV FAIL_AT=cuDevicePrimaryCtxRetain FAIL_WITH=46", "context", 46, ""),
                ("ENV FAIL_AT=cuMemAlloc_v2 FAIL_WITH=2", "memory", 2, "cuMemAlloc_v2"),
                ("ENV FAIL_AT=cuModuleLoadData FAIL_WITH=209", "kernel", 209, "cuModuleLoadData"),
                ("ENV WRONG_PRODUCTS=1", "result", None, "of 256 products are wrong"),
            )
        ),
    ],
)
def test_the_failing_layer_of_the_gpu_is_named(
    sandbox, build, cuda, lines, failed_at, code, detail
):
    image = build(cuda, *lines.split("\n"))

    run = run_on_gpu(sandbox, image, CONFINED, gpus=0, user="999:999", seconds=30)

    assert (run.failed_at, run.code) == (failed_at, code), run.detail
    assert detail in run.detail
    assert bool(run.device) == (failed_at not in ("program", "init", "device"))


def test_a_container_without_the_drivers_library_is_recognized(sandbox, engine):
    run = run_on_gpu(sandbox, engine.images.store, CONFINED, gpus=0, user="999:999", seconds=30)

    assert run.failed_at == "library"
    assert "libcuda.so.1: cannot open shared object file" in run.detail


def test_an_engine_without_a_gpu_is_reported(sandbox, engine):
    """The answer of every engine without NVIDIA's toolkit, including this one."""
    run = run_on_gpu(sandbox, engine.images.store, CONFINED, gpus=1, user="999:999", seconds=30)

    assert run.failed_at == "start"
    assert 'could not select device driver "nvidia"' in run.detail


@pytest.mark.slow
def test_a_cpu_build_of_torch_is_not_used(sandbox, build, engine):
    image = build(engine.images.python, "COPY libcuda.so.1 /usr/lib/")

    run = run_on_gpu(sandbox, image, CONFINED, gpus=0, user="999:999", seconds=120)

    assert (run.failed_at, run.device) == ("kernel", "Stand-in GPU")
    assert "is a build for CPUs" in run.detail


@pytest.mark.slow
def test_a_hanging_program_is_stopped_at_its_limit(sandbox, build, cuda):
    image = build(
        cuda,
        "ENV PYTHONPATH=/stub",
        "RUN mkdir /stub",
        'RUN echo "import time; time.sleep(60)" > /stub/torch.py',
    )

    run = run_on_gpu(sandbox, image, CONFINED, gpus=0, user="999:999", seconds=1.5)

    assert (run.failed_at, run.detail) == ("program", "the container did not end within 1.5 s")


def test_volumes_are_written_as_the_planned_user(sandbox, engine):
    service = {**CONFINED, "image": engine.images.tiny}
    volumes = {"/runs": sandbox.create_volume()}

    def write(user: str) -> dict[str, bool | None]:
        found = write_volumes(sandbox, "trainer", service, user, volumes, 20)
        return {one.target: one.written for one in found}

    assert write("0:0") == {"/tmp": True, "/runs": True}
    assert write("1000:1000")["/runs"] is False


def test_a_name_that_only_the_host_can_resolve(sandbox, engine, monkeypatch):
    monkeypatch.setattr(lookup_probe, "OUTSIDE_NAME", "nowhere.invalid")
    monkeypatch.setattr(lookup_probe, "_is_known_here", lambda name: True)

    stack, default = look_up_names(sandbox, engine.images.store, 20)

    assert (stack.found, default.found) == (True, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user owns what the containers write")
@pytest.mark.parametrize(("mode", "fault"), [(0o700, "unreadable"), (0o755, "unwritable")])
def test_a_folder_of_another_user(sandbox, engine, tmp_path, monkeypatch, mode, fault):
    monkeypatch.setattr(folder_probe.os, "chown", lambda *_: None)
    with make_folder(tmp_path) as folder:
        folder.chmod(mode)
        mounted = try_folder(sandbox, engine.images.tiny, RunStorage(), folder, 20)

    assert (mounted.fault, "denied" in mounted.detail) == (fault, True)
    assert list(tmp_path.iterdir()) == []


def test_an_engine_elsewhere_gets_the_password_in_a_volume(sandbox, engine, tmp_path):
    here, nowhere = (
        {"Type": "bind", "Source": str(path), "Target": "/x"}
        for path in (tmp_path, tmp_path / "none")
    )
    assert sandbox.has_source(engine.images.tiny, here)
    assert not sandbox.has_source(engine.images.tiny, nowhere)

    secret = tmp_path / "flags"
    secret.write_text("--requirepass=x\n")
    volume = {"Type": "volume", "Source": sandbox.create_volume(), "Target": "/run/secrets"}
    sandbox.fill(engine.images.tiny, volume, pack_secret(secret, (999, 999)))
    request = ContainerRequest(
        image=engine.images.tiny,
        command=["cat", "/run/secrets/store_flags"],
        user="999:999",
        limits={"mounts": [volume]},
    )
    assert sandbox.run(request, 20).output == "--requirepass=x"


def test_a_missing_image_is_refused(sandbox):
    with pytest.raises(ContainerRefusedError, match="No such image"):
        sandbox.run(ContainerRequest(image="localhost:1/none:1", command=[]), 20)
