"""What one optimizer step gave, in plain numbers. Needs no torch."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class StepResult:
    """The numbers of one episode; all of them finite where the optimizer stepped."""

    loss: float
    components: dict[str, float]
    energy: float
    noise_rate: float
    learning_rate: float
    gradient_norm: float


@dataclass(frozen=True)
class SkippedStep:
    """Why the optimizer did not step after an episode."""

    because: str


def find_nonfinite(result: StepResult) -> str | None:
    """Return the first number of an episode that is not finite, as a phrase."""
    numbers = {
        "the loss": result.loss,
        **{f"the loss's term {name}": term for name, term in result.components.items()},
        "the energy": result.energy,
        "the norm of the gradient": result.gradient_norm,
    }
    return next(
        (f"{name} is {number}" for name, number in numbers.items() if not math.isfinite(number)),
        None,
    )
