"""The host section of the report: the current plan for the configuration of the run."""

from typing import Any

from infra.host.recording import load
from qca.cli.report_data import describe_host
from qca.core.config import Config, TrainConfig
from qca.memory.budget import estimate
from tests.report.conftest import HOSTS, describe_recorded_host
from tests.support.machines import GPU


def describe(name: str, **train: Any):
    return describe_host(load(HOSTS / f"{name}.json"), Config(), TrainConfig(**train))


def test_decided_values_are_decided_again():
    """A run on a CPU, examined on a machine with a GPU."""
    run = {"device": "cpu", "profile": "cpu", "recompute": "none", "optimizer_state": "device"}
    today = describe("gpu-workstation", **run).plan
    assert today.device == "cuda"
    assert today.recompute != "none"


def test_the_computation_of_the_run_does_not_change():
    run = {"grid": 128, "steps": 77, "precision": "bf16", "batch_size": 3, "segment": 4}
    today = describe("gpu-workstation", **run).plan
    assert (today.precision, today.batch_size) == ("bf16", 3)
    config = TrainConfig(**run, optimizer_state=today.optimizer_state)
    need = estimate(config, recompute=today.recompute, machine=GPU)
    assert today.predicted_peak_bytes == need.predicted_peak_bytes


def test_a_configured_budget_is_kept():
    assert describe("gpu-workstation", budget="1GiB").plan.budget_bytes == 2**30


def test_the_host_is_described_in_a_sentence():
    assert "NVIDIA" in describe("gpu-workstation").summary
    assert "no NVIDIA GPU" in describe("cpu-engine").summary
    assert "Docker's state is unknown" in describe_recorded_host("all-unknown").summary
