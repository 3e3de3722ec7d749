"""The inputs of captured graphs, at fixed addresses."""

from collections.abc import Sequence

import torch
from torch import Tensor

from qca.train.segment import Cotangent, StepInput


class GraphBuffers:
    """The inputs of a segment's graphs, with a row per step."""

    def __init__(self, like: Tensor, rows: int, *, noise: bool) -> None:
        self.psi = like.new_zeros(rows, *like.shape)
        self.psi[:, :, 0] = 1  # cells of norm 1: a warm-up on zeros would divide by zero
        self._factors = torch.ones_like(self.psi) if noise else None
        self._cotangents = torch.zeros_like(self.psi)
        self._weight_cotangents = torch.zeros_like(self.psi.real[:, :, 0])

    def load_state(self, row: int, start: StepInput) -> None:
        """Copy a state, with its noise applied, to a row."""
        if start.factor is None:
            self.psi[row].copy_(start.psi)
        else:
            torch.mul(start.psi, start.factor, out=self.psi[row])

    def load_cotangents(
        self, factors: Sequence[Tensor | None], cotangents: Sequence[Cotangent]
    ) -> None:
        """Copy the noise and the cotangents of the first rows; the others have no cotangent."""
        self._cotangents.zero_()
        self._weight_cotangents.zero_()
        for row, (factor, cotangent) in enumerate(zip(factors, cotangents, strict=True)):
            self._load_cotangent(row, factor, cotangent)

    def _load_cotangent(self, row: int, factor: Tensor | None, cotangent: Cotangent) -> None:
        if cotangent.psi is not None:
            self._cotangents[row].copy_(cotangent.psi)
        if cotangent.weight is not None:
            self._weight_cotangents[row].copy_(cotangent.weight)
        if self._factors is None:
            return
        if factor is None:
            self._factors[row].fill_(1)
        else:
            self._factors[row].copy_(factor)

    def list_factors(self) -> list[Tensor | None]:
        """Return each row's noise factor."""
        return [None] * len(self.psi) if self._factors is None else list(self._factors)

    def list_cotangents(self) -> list[Cotangent]:
        """Return each row's cotangent."""
        return [
            Cotangent(psi, weight)
            for psi, weight in zip(self._cotangents, self._weight_cotangents, strict=True)
        ]
