import subprocess
import sys
from typing import Literal

import pytest
import torch

from qca.core.config import TrainConfig
from qca.model.unet import UNetUnitary
from qca.train.optimizer import Optimizer
from qca.train.weights import build_model
from tests.support.training import small

RATES = (0.01, 0.02, 0.005, 0.01)


def set_gradients(model: UNetUnitary, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def reload(optimizer: Optimizer, model: UNetUnitary, config: TrainConfig) -> Optimizer:
    """Return another optimizer with the same state, as after a checkpoint."""
    again = Optimizer(model, config)
    again.load_state_tensors({k: v.clone() for k, v in optimizer.state_tensors().items()})
    return again


@pytest.mark.parametrize("optimizer_state", ["device", "host"])
def test_it_is_torchs_adamw_bit_for_bit(optimizer_state: Literal["device", "host"]) -> None:
    config = small(optimizer_state=optimizer_state, weight_decay=0.1)
    ours, theirs = build_model(config), build_model(config)
    optimizer = Optimizer(ours, config)
    reference = torch.optim.AdamW(theirs.parameters(), weight_decay=0.1, fused=True)

    for step, rate in enumerate(RATES):
        set_gradients(ours, step)
        set_gradients(theirs, step)
        for group in reference.param_groups:
            group["lr"] = rate
        optimizer.step(rate)
        reference.step()
        optimizer = reload(optimizer, ours, config)

    expected = {
        f"{key}.{name}": value
        for name, parameter in theirs.named_parameters()
        for key, value in reference.state[parameter].items()
    }
    state = optimizer.state_tensors()
    assert list(state) == list(expected)
    assert all(torch.equal(state[key], expected[key]) for key in state)
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))


def test_a_training_does_not_load_torchs_compiler(tmp_path) -> None:
    """It takes 1.4 s of a processor and 35 MiB."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.support.training import run, small\n"
        "run(small(episodes=1), Path(sys.argv[1]))\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "run"], check=True)
