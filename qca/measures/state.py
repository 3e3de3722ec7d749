"""A state of the automaton as numpy arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ComplexArray = NDArray[np.complex64]
FloatArray = NDArray[np.floating]


@dataclass(frozen=True)
class State:
    """The state of the automaton after a number of steps."""

    step: int
    """Steps so far; 0 is the start."""
    psi: ComplexArray
    """The cells, complex64 of shape (d_state, H, W)."""
    squared_norm: FloatArray
    """Each cell's |psi|^2, float32 (H, W): before the renormalization of a cartesian step, or after
    the damping of a unitary one."""

    @classmethod
    def from_psi(cls, step: int, psi: ComplexArray) -> "State":
        """Return the state of these cells, with the squared norm that they have now."""
        return cls(step, psi, compute_squared_magnitude(psi).sum(axis=0))


def compute_squared_magnitude(psi: ComplexArray) -> FloatArray:
    """Return |psi|^2 of each component, shaped like psi."""
    return np.square(psi.real) + np.square(psi.imag)
