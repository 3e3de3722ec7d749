"""The notes of a run about the way its steps are computed."""

import pytest
import torch

from qca.train.recorder import describe_runner
from qca.train.trainer import Trainer
from tests.support.training import small


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, []),
        (
            {"eager_because": "no capture"},
            ["CUDA graphs cannot be used (no capture): steps are run one by one"],
        ),
        (
            {"unfused_because": "no compiler", "trial_seconds": 2.49},
            [
                "fused kernels cannot be used (no compiler): PyTorch's operators are used instead",
                "cuDNN's algorithms were chosen by trial in 2.5 s",
            ],
        ),
    ],
)
def test_unusual_decisions_are_reported(found: dict[str, object], expected: list[str]) -> None:
    trainer = Trainer(small(), torch.device("cpu"))
    for name, value in found.items():
        setattr(trainer, name, value)
    assert list(describe_runner(trainer)) == expected
