"""What only a real GPU can show; each test says so where there is none."""

import subprocess
import sys

import pytest
import torch

from qca.config import TrainConfig
from qca.memory.budget import estimate
from qca.model import Evolution, UNetUnitary
from qca.model.losses import LOSSES
from qca.model.state import initial_state
from qca.train.device import prepare_device
from qca.train.episode import adjoint_episode, plain_episode

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]

# A process of its own for each, since the allocator's peak and its cap are the process's.
TRAIN = """
import sys
from qca.train.environment import prepare_environment
prepare_environment()
import torch
from qca.config import TrainConfig
from qca.memory.budget import estimate
from qca.train.device import prepare_device
from qca.train.trainer import Trainer
config = TrainConfig.model_validate_json(sys.argv[1])
found = estimate(config, recompute=config.recompute, device="cuda")
held = found.predicted_peak_bytes if sys.argv[2] == "held" else None
trainer = Trainer(config, prepare_device(config, held))
for _ in range(2):
    trainer.episode(lambda: None)
print(torch.cuda.max_memory_reserved())
"""

CONFIGS = [
    pytest.param({"steps": 50}, id="whole model"),
    pytest.param({"steps": 50, "batch_size": 4}, id="batch of 4"),
    pytest.param({"steps": 20, "recompute": "none"}, id="plain autograd"),
    pytest.param({"steps": 20, "update": "unitary"}, id="unitary"),
    pytest.param({"steps": 10, "grid": 256}, id="256x256 cells"),
    pytest.param({"steps": 20, "hidden_channels": 256}, id="twice the channels"),
    pytest.param({"grid": 16, "d_state": 4, "hidden_channels": 16}, id="small model"),
]


def reserved(config: TrainConfig, how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, config.model_dump_json(), how],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("given", CONFIGS)
def test_a_training_stays_within_its_predicted_peak(given):
    plan = given.get("recompute", "step")
    config = TrainConfig(device="cuda", **{**given, "recompute": plan})
    predicted = estimate(config, recompute=plan, device="cuda").predicted_peak_bytes
    assert reserved(config, "held") <= predicted


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("update", ["cartesian", "unitary"])
def test_the_adjoint_equals_plain_autograd(loss, update, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    config = TrainConfig(device="cuda", grid=16, d_state=4, hidden_channels=16)
    device = prepare_device(config, None)
    gradients = {}
    for name, episode in (("plain", plain_episode), ("adjoint", adjoint_episode)):
        torch.manual_seed(0)
        model = UNetUnitary(d_state=4, hidden_channels=16).to(device)
        psi = initial_state(0, range(2), d_state=4, grid=16).to(device)
        evolution = Evolution(model, 0.05, update)
        episode(evolution, psi, steps=20, loss=LOSSES[loss]())
        found = [p.grad for p in model.parameters() if p.grad is not None]
        gradients[name] = torch.cat([gradient.flatten() for gradient in found])
    error = (gradients["plain"] - gradients["adjoint"]).norm() / gradients["plain"].norm()
    assert error.item() <= 1e-5
