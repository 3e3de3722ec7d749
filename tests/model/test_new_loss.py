"""A loss has three places; for each of them, a test that names the one that is missing.

1. `qca/core/losses.py`: its name in `LossName`, and how many steps it evaluates;
2. `qca/model/losses.py`: its class, and the class in `LOSSES`;
3. `qca/memory/state_tensors.py`: the memory that it takes, in `LOSSES`.

docs/configuration.md lists the names for users; tests/test_docs.py holds it to `LossName`.
"""

from typing import get_args

import pytest

from qca.core.losses import MAX_SAMPLE_STEPS, LossName
from qca.memory import state_tensors
from qca.model import losses

NAMES = {*get_args(LossName), *MAX_SAMPLE_STEPS, *losses.LOSSES, *state_tensors.LOSSES}
PLACES = {
    "LossName in qca/core/losses.py": get_args(LossName),
    "MAX_SAMPLE_STEPS in qca/core/losses.py": MAX_SAMPLE_STEPS,
    "LOSSES in qca/model/losses.py": losses.LOSSES,
    "LOSSES in qca/memory/state_tensors.py": state_tensors.LOSSES,
}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_loss_is_in_each_of_its_places(name: str) -> None:
    missing = [place for place, names in PLACES.items() if name not in names]
    assert not missing, f"the loss {name} is missing in: {'; '.join(missing)}"


@pytest.mark.parametrize("name", losses.LOSSES)
def test_a_loss_evaluates_as_many_steps_as_its_memory_is_counted_for(name: LossName) -> None:
    assert losses.LOSSES[name]().max_sample_steps == MAX_SAMPLE_STEPS[name]
