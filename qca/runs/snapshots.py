"""Read and write `states.safetensors`: the states at a few steps of one rollout, for the report.

The file has one tensor per step, named by the step: float32 (2, d_state, H, W), the real and
imaginary parts. Its metadata holds the episode and, since 0.2, the energies. Needs numpy, not
torch.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qca.core.atomic_files import replace_file
from qca.core.errors import CheckpointError, InputError
from qca.core.json_object import parse_object
from qca.core.plain_files import check_plain
from qca.core.tensor_file import open_tensors, save_arrays

_FORMAT = "qca-states-1"


@dataclass(frozen=True)
class Snapshots:
    """The states of one rollout from the run's first initial state."""

    episode: int
    """Number of complete episodes trained when the states were sampled."""
    states: Mapping[int, NDArray[np.complex64]]
    """States by step, in ascending order: complex (d_state, H, W)."""
    energies: Mapping[int, float] = field(default_factory=dict[int, float])
    """The mean of the cells' |psi|^2 before renormalization or after damping, by step; empty if the
    file has none."""


def write_snapshots(
    path: Path,
    episode: int,
    states: Mapping[int, NDArray[np.complex64]],
    energies: Mapping[int, float] | None = None,
) -> None:
    """Write states, complex (d_state, H, W), and energies, both by step.

    Raises:
        CheckpointError: the file cannot be written; an existing one stays unchanged.

    """
    from safetensors import SafetensorError

    parts = {str(step): np.stack([psi.real, psi.imag]) for step, psi in states.items()}
    header = {"format": _FORMAT, "episode": str(episode)}
    if energies:
        header["energies"] = json.dumps(energies)
    try:
        with replace_file(path) as unfinished:
            save_arrays(unfinished, parts, header)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path}: the states cannot be written: {error}",
            hint="Free disk space or fix the permissions.",
        ) from None


def read_snapshots(path: Path) -> Snapshots | None:
    """Read the states; return None if there is no file.

    Raises:
        InputError: the file is damaged or has another format.

    """
    from safetensors import SafetensorError

    if not path.exists():
        return None
    try:
        check_plain(path, follow=False)
        with open_tensors(path, "np") as file:
            header = file.metadata() or {}
            if header.get("format") != _FORMAT:
                raise ValueError(f"its format is {header.get('format')!r}, not {_FORMAT!r}")
            parts: dict[int, NDArray[Any]] = {
                int(name): file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118
            }
        states = {step: _join_parts(parts[step]) for step in sorted(parts)}
        return Snapshots(int(header["episode"]), states, _parse_energies(header))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: cannot read the states: {error}",
            hint="Remove it; a training run writes a new one with its next checkpoint.",
        ) from None


def _parse_energies(header: Mapping[str, str]) -> dict[int, float]:
    energies = parse_object(header.get("energies", "{}"))
    return {int(step): float(value) for step, value in energies.items()}


def _join_parts(parts: NDArray[Any]) -> NDArray[np.complex64]:
    if parts.dtype != np.float32 or parts.ndim != 4 or parts.shape[0] != 2 or not parts.size:
        raise ValueError(f"a tensor is {parts.dtype} {parts.shape}, not float32 (2, d, H, W)")
    return parts[0] + np.complex64(1j) * parts[1]
