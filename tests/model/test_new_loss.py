"""A built-in loss has entries in three modules; the test names the module where one is missing.

1. `qca/core/losses.py`: its name in `BuiltInLoss`, and how many steps it evaluates;
2. `qca/model/losses.py`: its class, and the class in `LOSSES`;
3. `qca/memory/state_tensors.py`: the memory that it takes, in `LOSSES`.

docs/configuration.md lists the names for users.
"""

from pathlib import Path
from typing import get_args

import pytest

from qca.core.losses import MAX_SAMPLE_STEPS, BuiltInLoss
from qca.memory import state_tensors
from qca.model import losses

NAMES = {*get_args(BuiltInLoss), *MAX_SAMPLE_STEPS, *losses.LOSSES, *state_tensors.LOSSES}
MODULES = {
    "BuiltInLoss in qca/core/losses.py": get_args(BuiltInLoss),
    "MAX_SAMPLE_STEPS in qca/core/losses.py": MAX_SAMPLE_STEPS,
    "LOSSES in qca/model/losses.py": losses.LOSSES,
    "LOSSES in qca/memory/state_tensors.py": state_tensors.LOSSES,
}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_loss_is_in_each_of_its_modules(name: str) -> None:
    missing = [module for module, names in MODULES.items() if name not in names]
    assert not missing, f"the loss {name} is missing in: {'; '.join(missing)}"


def test_the_documentation_lists_every_loss() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    [row] = [line for line in page.splitlines() if line.startswith("| `loss` |")]
    assert all(f"`{name}`" in row for name in get_args(BuiltInLoss))


@pytest.mark.parametrize("name", losses.LOSSES)
def test_a_loss_evaluates_the_steps_that_its_memory_counts(name: BuiltInLoss) -> None:
    assert losses.LOSSES[name]().max_sample_steps == MAX_SAMPLE_STEPS[name]
