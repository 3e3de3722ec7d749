"""List the losses and the number of steps of an episode that each one evaluates. Works without
torch.

`qca.model.losses` implements the built-in ones, and `qca.memory.state_tensors` predicts their
memory; `tests/model/test_new_loss.py` names each module that lacks a new loss. An installed package
adds losses through the entry point group `qca.losses`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from qca.core.plugins import list_plugins

GROUP = "qca.losses"

BuiltInLoss = Literal["evolutionary", "mse_energy", "structure"]

MAX_SAMPLE_STEPS: Mapping[str, int] = {"evolutionary": 10, "mse_energy": 1, "structure": 10}
"""Maximum number of steps that a loss evaluates; 1 means only the last step."""

MAX_INSTALLED_SAMPLE_STEPS = 10
"""Maximum number of steps for a loss of an installed package; its memory is predicted for this
number."""


def get_max_sample_steps(name: str) -> int:
    """Return the maximum number of steps that a loss evaluates; do not load installed losses."""
    return MAX_SAMPLE_STEPS.get(name, MAX_INSTALLED_SAMPLE_STEPS)


def list_losses() -> list[str]:
    """Return the names of all losses, those of installed packages last."""
    built_in = get_args(BuiltInLoss)
    return [*built_in, *(name for name in list_plugins(GROUP) if name not in built_in)]


def _check_loss(name: str) -> str:
    if name not in get_args(BuiltInLoss) and name not in list_losses():
        raise ValueError(f"unknown loss {name!r}; choose one of {', '.join(list_losses())}")
    return name


class _KnownLoss:
    """An annotation that accepts the name of a built-in or an installed loss."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic import AfterValidator

        return handler.generate_schema(Annotated[source, AfterValidator(_check_loss)])


LossName = Annotated[str, _KnownLoss()]
