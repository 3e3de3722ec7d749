"""Schedule the learning rate, which is halved when the loss stalls. Works without torch."""

from dataclasses import dataclass, replace

STALL = 100  # episodes without a better loss before the rate is halved
_BETTER_BY = 1e-4  # how much lower a loss must be to count as better, relative to the best loss


@dataclass(frozen=True)
class Plateau:
    """The schedule's state; immutable, so a checkpoint contains all of it."""

    best: float | None = None
    stalled: int = 0
    halvings: int = 0

    def advance(self, loss: float) -> "Plateau":
        """Return the schedule after an episode with this loss."""
        if self.best is None or loss < self.best - _BETTER_BY * abs(self.best):
            return replace(self, best=loss, stalled=0)
        if self.stalled + 1 < STALL:
            return replace(self, stalled=self.stalled + 1)
        return replace(self, stalled=0, halvings=self.halvings + 1)

    def forget_best(self) -> "Plateau":
        """Return the schedule for another loss function, with which `best` cannot be compared."""
        return Plateau(halvings=self.halvings)

    def decay(self, base: float) -> float:
        """Return the current learning rate for the initial rate `base`."""
        return base * 0.5**self.halvings
