"""The result of one optimizer step in plain numbers. Works without torch."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class StepResult:
    """The numbers of one episode; all of them are finite if the optimizer took a step."""

    loss: float
    components: dict[str, float]
    energy: float
    noise_rate: float
    learning_rate: float
    gradient_norm: float


@dataclass(frozen=True)
class SkippedStep:
    """The reason why the optimizer skipped an episode."""

    because: str


def find_nonfinite(result: StepResult) -> str | None:
    """Return a phrase for an episode's first number that is not finite; None if all are finite."""
    numbers = {
        "the loss": result.loss,
        **{f"the loss term {name}": term for name, term in result.components.items()},
        "the energy": result.energy,
        "the norm of the gradient": result.gradient_norm,
    }
    return next(
        (f"{name} is {number}" for name, number in numbers.items() if not math.isfinite(number)),
        None,
    )
