"""Predicted peaks beside the bytes that real trainings reserved on a GPU.

One H200, driver 580, torch 2.11, growing segments, cuDNN's heuristics; MiB of
`torch.cuda.max_memory_reserved` after two episodes. Each was held to its prediction, but for the
last two and those of plain autograd, which nothing limited. A limit nearer to what was reserved in
the end was tried and is too low: trainings held to that were refused memory.
"""

from typing import Any

import pytest

from qca.core.config import TrainConfig
from qca.core.units import MIB
from qca.memory.budget import estimate

SEED = {"recompute": "step", "steps": 500, "max_noise": 0.0}
SHORT = {"recompute": "step", "steps": 20, "max_noise": 0.1}
SMALL = {"grid": 16, "d_state": 4, "hidden_channels": 16}

RESERVED: list[tuple[dict[str, Any], int]] = [
    ({**SEED, "precision": "fp32", "segment": 1}, 912),
    ({**SEED, "precision": "fp32", "segment": 8}, 1282),
    ({**SEED, "precision": "fp32", "segment": 16}, 1682),
    ({**SEED, "precision": "tf32", "segment": 1}, 792),
    ({**SEED, "precision": "tf32", "segment": 8}, 1164),
    ({**SEED, "precision": "tf32", "segment": 16}, 1584),
    ({**SEED, "precision": "bf16", "segment": 1}, 784),
    ({**SEED, "precision": "bf16", "segment": 8}, 986),
    ({**SEED, "precision": "bf16", "segment": 16}, 1226),
    ({**SEED, "precision": "fp16", "segment": 8}, 984),
    ({**SEED, "recompute": "none", "precision": "fp32"}, 24352),
    ({**SEED, "recompute": "none", "precision": "tf32"}, 24286),
    ({**SHORT, "precision": "fp32", "segment": 1}, 702),
    ({**SHORT, "precision": "fp32", "segment": 4}, 854),
    ({**SHORT, "precision": "fp32", "segment": 8}, 1074),
    ({**SHORT, "precision": "fp32", "segment": 8, "batch_size": 4}, 3108),
    ({**SHORT, "precision": "fp32", "segment": 4, "hidden_channels": 64}, 322),
    ({**SHORT, "precision": "fp32", "segment": 1, "grid": 128}, 912),
    ({**SHORT, **SMALL, "precision": "fp32", "segment": 8}, 34),
    ({**SHORT, "precision": "fp32", "segment": 4, "update": "unitary"}, 852),
    ({**SHORT, "recompute": "two-level", "precision": "fp32", "segment": 8}, 1070),
    (
        {
            **SHORT,
            "recompute": "host",
            "precision": "fp32",
            "segment": 4,
            "d_state": 32,
            "hidden_channels": 32,
        },
        186,
    ),
    ({**SHORT, "precision": "tf32", "segment": 1}, 582),
    ({**SHORT, "precision": "tf32", "segment": 4}, 734),
    ({**SHORT, "precision": "tf32", "segment": 8}, 956),
    ({**SHORT, "precision": "tf32", "segment": 8, "batch_size": 4}, 2372),
    ({**SHORT, "precision": "fp32", "segment": 1, "batch_size": 2}, 818),
    ({**SHORT, "precision": "fp32", "segment": 1, "batch_size": 4}, 972),
]
# What the predictions are over at most: tensor cores need next to no scratch memory.
AT_MOST = 1.45
SLACK = 48 * MIB  # of a small model, whose allocator asks for whole segments all the same


def format_case(case: object) -> str:
    return "-".join(map(str, case.values())) if isinstance(case, dict) else str(case)


@pytest.mark.parametrize(("values", "reserved"), RESERVED, ids=format_case)
def test_a_prediction_is_never_under_and_not_far_over(
    values: dict[str, Any], reserved: int
) -> None:
    train = TrainConfig(**values, device="cuda")
    assert train.recompute != "auto"
    predicted = estimate(train, recompute=train.recompute, device="cuda").predicted_peak_bytes
    assert reserved * MIB <= predicted <= max(AT_MOST * reserved * MIB, reserved * MIB + SLACK)
