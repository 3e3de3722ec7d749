"""The losses by name, and how many steps of an episode each one evaluates. Needs no torch.

The losses themselves are in `qca.model.losses`, the memory that each one takes in
`qca.memory.state_tensors`; `tests/model/test_new_loss.py` names the place where one is missing.
"""

from collections.abc import Mapping
from typing import Literal

LossName = Literal["evolutionary", "mse_energy", "structure"]

MAX_SAMPLE_STEPS: Mapping[LossName, int] = {"evolutionary": 10, "mse_energy": 1, "structure": 10}
"""How many steps a loss evaluates where the episode has as many; 1 is the last step alone."""
