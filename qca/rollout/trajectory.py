"""Write the states of a rollout, as safetensors or in numpy's format."""

from pathlib import Path

import numpy as np

from qca.measures.state import State
from qca.runs.snapshots import write_snapshots


def write_safetensors(path: Path, states: list[State], episode: int | None) -> None:
    """Write the real and imaginary parts of each state, float32 (2, d_state, H, W), by step."""
    cells = {state.step: state.psi for state in states}
    energies = {state.step: float(state.squared_norm.mean()) for state in states}
    write_snapshots(path, episode or 0, cells, energies)


def write_npz(path: Path, states: list[State]) -> None:
    """Write the arrays `psi`, complex64 (T, d_state, H, W), `step` and `squared_norm`."""
    with path.open("wb") as file:
        np.savez(
            file,
            step=np.array([state.step for state in states]),
            psi=np.stack([state.psi for state in states]),
            squared_norm=np.stack([state.squared_norm for state in states]),
        )
