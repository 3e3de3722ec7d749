"""The containers that `qca doctor --deep` plans to start on a host."""

from collections.abc import Collection
from typing import Any

import pytest

from infra.host.errors import ProbeError
from infra.host.facts import LIVE_FACTS, HostFacts, Unknown
from infra.stack.live.images import ImageSource, ProbeImages
from infra.stack.live.probes import Circumstances, LiveProbe, plan_probes
from infra.stack.plan import plan_stack
from infra.stack.run_storage import plan_storage
from qca.core.units import GIB, MIB
from tests.support.hosts import NO_GPU, config, driver, engine, gpu, host

STORE = ImageSource("store:1", is_here=True, size=100 * MIB)
BASE = ImageSource("python:3", is_here=False, size=GIB)
TRAINER = ImageSource("qca-trainer:1", is_here=True, size=GIB)
DISTROLESS = ImageSource("dragonfly:v1.40.0-distroless", is_here=True, size=90 * MIB)
UNKNOWN_SIZE = ImageSource("far/away:1", is_here=False, size=None)
ALL = ProbeImages(store=STORE, base=BASE, trainer=TRAINER)
GPU_HOST = host(gpu=driver(gpu()))


def plan(
    facts: HostFacts,
    images: ProbeImages = ALL,
    wanted: Collection[str] = LIVE_FACTS,
    least_seconds: float = 0,
    **train: Any,
) -> tuple[dict[str, LiveProbe], dict[str, Unknown]]:
    settings = config({"runtime": "compose"}, train)
    stack = plan_stack(facts, settings)
    storage = plan_storage(facts, stack.project)
    given = Circumstances(facts, stack, storage, images, least_seconds)
    probes, unknown = plan_probes(given, wanted)
    return {probe.fact: probe for probe in probes}, unknown


def test_wanted_probes_are_planned_in_a_fixed_order():
    probes, unknown = plan(GPU_HOST, wanted={"live_store", "live_mount", "live_gpu"})

    assert (list(probes), unknown) == (["live_mount", "live_store", "live_gpu"], {})


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (GPU_HOST, None),
        (host(gpu=driver(gpu(), toolkit=None)), None),  # planned for the CPU, but worth a test
        (host(gpu=NO_GPU, docker=engine(runtimes=("nvidia", "runc"))), None),
        (host(gpu=NO_GPU), "no NVIDIA GPU was found"),
        (host(gpu=driver()), "no NVIDIA GPU was found"),
        (host(gpu="NVML hung"), "NVML hung"),
    ],
)
def test_a_gpu_is_requested_if_there_may_be_one(facts: HostFacts, reason: str | None):
    probes, unknown = plan(facts, wanted={"live_gpu"})

    assert ("live_gpu" in probes) == (reason is None)
    assert reason is None or reason in unknown["live_gpu"].reason


@pytest.mark.parametrize(
    ("images", "shell", "python"),
    [
        (ALL, TRAINER, TRAINER),
        (ProbeImages(store=STORE, base=BASE, trainer=None), STORE, BASE),
        (ProbeImages(store=DISTROLESS, base=BASE, trainer=None), BASE, BASE),
    ],
)
def test_a_local_image_is_preferred_to_a_download(
    images: ProbeImages, shell: ImageSource, python: ImageSource
):
    assert (images.shell, images.python) == (shell, python)


def test_a_download_of_unknown_size_is_not_planned():
    images = ProbeImages(store=UNKNOWN_SIZE, base=UNKNOWN_SIZE, trainer=TRAINER)

    probes, unknown = plan(GPU_HOST, images)

    assert set(probes) == {"live_lookups", "live_mount", "live_gpu"}
    assert set(unknown) == {"live_volumes", "live_store"}
    assert "does not report the download size" in unknown["live_store"].reason


def test_an_unwritable_work_folder_affects_only_its_probes(tmp_path):
    probes, _ = plan(GPU_HOST)
    sandbox: Any = None  # it is not reached

    for fact in ("live_mount", "live_store"):
        with pytest.raises(ProbeError, match="cannot create a folder in"):
            probes[fact].run(sandbox, tmp_path / "gone")


def test_a_longer_timeout_applies_to_every_container():
    short, _ = plan(GPU_HOST)
    long, _ = plan(GPU_HOST, least_seconds=300)

    assert {probe.seconds for probe in long.values()} == {300}
    assert {probe.seconds for probe in short.values()} == {20, 30, 120}
