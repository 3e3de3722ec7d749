"""What the host of the page is asked: the plan of today for the run's training."""

from typing import Any

from infra.host.recording import load
from qca.core.config import Config, TrainConfig
from qca.report.host import look_at
from tests.report.conftest import HOSTS, recorded


def look(name: str, **train: Any):
    return look_at(load(HOSTS / f"{name}.json"), Config(), TrainConfig(**train))


def test_what_was_decided_for_the_run_is_decided_anew():
    """A run of a CPU, seen from a machine with a GPU."""
    run = {"device": "cpu", "profile": "cpu", "recompute": "none", "optimizer_state": "device"}
    today = look("gpu-workstation", **run).plan
    assert today.trainer.device.value == "cuda"
    assert today.trainer.recompute.value != "none"


def test_what_the_run_computes_stays_what_it_is():
    today = look("gpu-workstation", grid=128, steps=77, precision="bf16", batch_size=3).plan
    train = today.train
    assert (train.grid, train.steps, train.precision, train.batch_size) == (128, 77, "bf16", 3)


def test_a_budget_that_was_given_holds_today_too():
    assert look("gpu-workstation", budget="1GiB").plan.trainer.budget_bytes.value == 2**30


def test_the_host_in_a_sentence():
    assert "NVIDIA" in look("gpu-workstation").summary
    assert "no NVIDIA GPU" in look("cpu-engine").summary
    assert "Docker could not be seen" in recorded("all-unknown").summary
