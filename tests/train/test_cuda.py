"""Tests that need a real GPU; each is skipped without one."""

import json
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.bptt_worker import AutogradTrainer
from qca.core.config import TrainConfig
from qca.core.noise_schedule import CURRICULUM_EPISODES
from qca.memory.budget import estimate
from qca.model import unet_adjoint
from qca.model.losses import LOSSES
from qca.runs.events import Event, Finished, PlanChanged
from qca.train import trainer as trainer_module
from qca.train.device import prepare_device
from qca.train.request import TrainRequest
from qca.train.session import run_session
from qca.train.trainer import RunnerNotes, Trainer
from tests.support.machines import GPU, OLD_GPU
from tests.support.training import StopAfter, run, run_episode, select_records, small

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]

# A separate process for each, because the allocator's peak and limit are per process.
TRAIN = """
import json, sys
from qca.train.distributed.torch_env import prepare_environment
prepare_environment()
import torch
from qca.core.config import TrainConfig
from qca.model import kernels
from qca.train.device import prepare_device
from qca.train.trainer import Trainer
config = TrainConfig(**json.loads(sys.argv[1]))
if sys.argv[3] == "plain":
    kernels.can_run_kernels = lambda _: False
trainer = Trainer(config, prepare_device(config, int(sys.argv[2])))
trainer.episodes = 2000  # from here on there is noise
for _ in range(2):
    trainer.apply_gradients(trainer.compute_gradients(lambda: None))
print(torch.cuda.max_memory_reserved())
"""

CONFIGS = [
    pytest.param({"steps": 50}, id="whole model"),
    pytest.param({"steps": 50, "batch_size": 4}, id="batch of 4"),
    pytest.param({"steps": 20, "recompute": "none", "segment": 4}, id="all tapes"),
    pytest.param({"steps": 20, "update": "unitary"}, id="unitary"),
    pytest.param({"steps": 10, "grid": 256}, id="256x256 cells"),
    pytest.param({"steps": 20, "hidden_channels": 256}, id="twice the channels"),
    pytest.param({"grid": 16, "d_state": 4, "hidden_channels": 16}, id="small model"),
    pytest.param({"steps": 50, "recompute": "two-level"}, id="two-level"),
    pytest.param({"steps": 50, "recompute": "host"}, id="host"),
    pytest.param({"steps": 20, "optimizer_state": "host"}, id="moments on the host"),
    pytest.param({"steps": 20, "precision": "tf32"}, id="tf32"),
    pytest.param({"steps": 20, "precision": "bf16", "batch_size": 4}, id="bf16"),
    pytest.param({"steps": 20, "precision": "fp16", "recompute": "host"}, id="fp16"),
    pytest.param({"steps": 20, "segment": 8}, id="segments"),
    pytest.param({"steps": 20, "segment": 8, "precision": "tf32"}, id="segments in tf32"),
    pytest.param({"steps": 20, "segment": 8, "precision": "bf16"}, id="segments in bf16"),
    pytest.param({"steps": 20, "segment": 2, "batch_size": 8}, id="a batch in segments"),
]
WITHOUT_KERNELS = [
    pytest.param({"steps": 20}, id="single steps"),
    pytest.param({"steps": 20, "batch_size": 8}, id="a batch"),
    pytest.param({"steps": 20, "segment": 8}, id="segments"),
    pytest.param({"steps": 20, "segment": 2, "batch_size": 8}, id="a batch in segments"),
    pytest.param({"steps": 20, "segment": 8, "precision": "bf16"}, id="segments in bf16"),
]
SMALL: dict[str, Any] = {
    "grid": 16,
    "d_state": 4,
    "hidden_channels": 16,
    "steps": 20,
    "batch_size": 2,
    "episodes": 1,
}


def check_peak(given: dict[str, Any], *, fused: bool) -> None:
    """Train within the predicted peak as the limit."""
    plan = given.get("recompute", "step")
    config = TrainConfig(device="cuda", **{**given, "recompute": plan})
    predicted = estimate(
        config, recompute=plan, machine=GPU if fused else OLD_GPU
    ).predicted_peak_bytes
    words = [json.dumps(asdict(config)), str(predicted), "fused" if fused else "plain"]
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= predicted


@pytest.mark.parametrize("given", CONFIGS)
def test_a_run_stays_within_its_predicted_peak(given):
    check_peak(given, fused=True)


@pytest.mark.parametrize("given", WITHOUT_KERNELS)
def test_it_also_stays_within_it_without_the_kernels(given):
    """Train for few episodes: with many, trials of cuDNN's algorithms use the rest of the limit."""
    check_peak({**given, "episodes": 10}, fused=False)


def list_gradients(config: TrainConfig, make_trainer: type[Trainer] = Trainer) -> dict[str, Tensor]:
    trainer = make_trainer(config, prepare_device(config, None))
    trainer.episodes = CURRICULUM_EPISODES  # with noise
    trainer.compute_gradients(lambda: None)
    assert trainer.runner_notes is None or trainer.runner_notes.eager_because is None
    return {name: p.grad for name, p in trainer.model.named_parameters() if p.grad is not None}


def gradient(config: TrainConfig, make_trainer: type[Trainer] = Trainer) -> Tensor:
    return torch.cat([found.flatten() for found in list_gradients(config, make_trainer).values()])


def measure_error(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


class AveragePool:
    """Stands in for the pool of `unet_adjoint`."""

    def __init__(self) -> None:
        self._input = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self._input = x
        return torch.ops.aten.avg_pool2d(x, [2, 2], [2, 2])

    def backward(self, rows: slice, cotangent: Tensor) -> Tensor:
        sizes = ([2, 2], [2, 2], [0, 0], False, True, None)
        return torch.ops.aten.avg_pool2d_backward(cotangent, self._input[rows], *sizes)

    def clear(self) -> None:
        self._input = torch.empty(0)


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("update", ["cartesian", "unitary"])
@pytest.mark.parametrize(
    ("recompute", "segment", "tapes"),
    [
        *[("step", 1, 0), ("step", 8, 0), ("two-level", 1, 0), ("two-level", 3, 0)],
        *[("host", 1, 0), ("host", 20, 0), ("step", 1, 5), ("step", 8, 8), ("none", 4, 20)],
    ],
)
def test_the_adjoint_as_cuda_graphs_equals_plain_autograd(
    loss, update, recompute, segment, tapes, monkeypatch
):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    config = TrainConfig(
        device="cuda", precision="fp32", loss=loss, update=update, gamma=0.05, **SMALL
    )
    plain = gradient(config, AutogradTrainer)
    found = gradient(config.override(recompute=recompute, segment=segment, tapes=tapes))
    assert plain.norm() > 1e-4
    assert measure_error(found, plain) <= 1e-5


@pytest.mark.parametrize("segment", [1, 8])
def test_without_ties_of_maxima_each_parameters_gradient_is_plain_autograds(segment, monkeypatch):
    """Use average pools: if two cells are almost equal, rounding decides which is the maximum, so
    with max-pools even plain autograd's gradients before them are 1e-4 from float64's.
    """
    monkeypatch.setattr(unet_adjoint, "_Pool", AveragePool)
    monkeypatch.setattr(nn, "MaxPool2d", nn.AvgPool2d)
    config = TrainConfig(device="cuda", precision="fp32", steps=16)
    plain = list_gradients(config, AutogradTrainer)
    found = list_gradients(config.override(recompute="step", segment=segment))
    errors = {name: measure_error(found[name], plain[name]) for name in plain}
    assert {name: error for name, error in errors.items() if not error <= 1e-5} == {}


def test_without_a_captured_graph_steps_are_run_one_by_one(monkeypatch):
    config = TrainConfig(device="cuda", precision="fp32", recompute="step", **SMALL)
    expected = gradient(config)

    def refuse(*_, **__):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(trainer_module, "GraphRunner", refuse)
    trainer = Trainer(config, prepare_device(config, None))
    trainer.episodes = CURRICULUM_EPISODES
    trainer.compute_gradients(lambda: None)
    because = "operation not permitted when stream is capturing"
    assert trainer.runner_notes == RunnerNotes(eager_because=because)
    found = [p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None]
    torch.testing.assert_close(torch.cat(found), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("segment", [1, 8])
@pytest.mark.parametrize("recompute", ["step", "two-level", "host", "none"])
def test_the_host_waits_for_nothing_within_an_episode(recompute, segment):
    how = {"precision": "fp32", "recompute": recompute, "segment": segment}
    config = TrainConfig(device="cuda", **how, **SMALL)
    trainer = Trainer(config, prepare_device(config, None))
    trainer.episodes = CURRICULUM_EPISODES
    run_episode(trainer)  # captures
    try:
        trainer.compute_gradients(lambda: torch.cuda.set_sync_debug_mode("error"))
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
@pytest.mark.parametrize("optimizer_state", ["device", "host"])
def test_a_run_stops_and_resumes(tmp_path, precision, optimizer_state):
    config = small(device="cuda", precision=precision, optimizer_state=optimizer_state)
    run(config, tmp_path, stop=StopAfter(20))
    events = run(config, tmp_path, resume=True)
    assert events[-1] == Finished(reason="complete", episodes=6)
    last = select_records(events)[-1]
    assert last.reserved_bytes is not None
    assert last.reserved_bytes >= last.memory_bytes > 0


def test_refused_memory_is_freed_and_a_cheaper_plan_continues(tmp_path):
    """Limit the allocator to the need of `host`, as if another program used the card."""
    many = TrainConfig(hidden_channels=16, batch_size=8, steps=400, episodes=2)
    how = {"device": "cuda", "precision": "fp32", "recompute": "step"}
    config = many.override(**how)
    allowed = estimate(config, recompute="host", machine=GPU)
    events: list[Event] = []
    request = TrainRequest(config, tmp_path, predicted=allowed)
    run_session(request, threading.Event(), listeners=[events.append])
    changed = [event for event in events if isinstance(event, PlanChanged)]
    assert [event.recompute for event in changed][-1] in ("two-level", "host")
    assert "CUDA out of memory" in changed[0].because
    assert events[-1] == Finished(reason="complete", episodes=2)
