import json
from dataclasses import asdict

import pytest

from qca.train.plateau import STALL, Plateau


def _advance_all(losses: list[float]) -> Plateau:
    plateau = Plateau()
    for loss in losses:
        plateau = plateau.advance(loss)
    return plateau


@pytest.mark.parametrize(
    ("losses", "halvings"),
    [
        ([], 0),
        ([1.0] * STALL, 0),
        ([1.0] * (STALL + 1), 1),
        ([1.0] * (2 * STALL + 1), 2),
        ([1.0 - k / 1000 for k in range(300)], 0),
        ([1.0 + k for k in range(STALL + 1)], 1),
        ([-1.0 - k for k in range(300)], 0),  # a loss may be negative
        ([-1.0] * (STALL + 1), 1),
        ([1.0 - k * 1e-6 for k in range(STALL + 1)], 1),  # too little to count
        ([1.0] * STALL + [0.5] + [0.5] * (STALL - 1), 0),
    ],
)
def test_the_rate_is_halved_when_the_loss_stalls_for_100_episodes(losses, halvings):
    plateau = _advance_all(losses)
    assert plateau.halvings == halvings
    assert plateau.decay(0.4) == 0.4 / 2**halvings


def test_it_survives_json():
    plateau = _advance_all([1.0] * 150)
    assert Plateau(**json.loads(json.dumps(asdict(plateau)))) == plateau
