"""The state at a few steps of one evolution, `states.safetensors`: what the pictures show.

One safetensors file a run, replaced whole each time: for each step a tensor, real and
imaginary part, float32 (2, d_state, H, W), with the step as its name; the episode is in the
metadata, and since 0.2 the energies. Needs numpy, not torch.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qca.core.atomic_files import replace_file
from qca.core.errors import CheckpointError, InputError
from qca.core.plain_files import check_plain

_FORMAT = "qca-states-1"


@dataclass(frozen=True)
class Snapshots:
    """The states of one episode's first sample."""

    episode: int
    """Whole episodes that had been run when the states were sampled."""
    states: Mapping[int, NDArray[np.complex64]]
    """By the number of steps run, rising: complex (d_state, H, W)."""
    energies: Mapping[int, float] = field(default_factory=dict)
    """The mean of the cells' |psi|^2 before renormalization or after damping, by step; empty in a
    file that does not say."""


def write_snapshots(
    path: Path,
    episode: int,
    states: Mapping[int, NDArray[np.complex64]],
    energies: Mapping[int, float] | None = None,
) -> None:
    """Write states, complex (d_state, H, W), and energies by their step.

    Raises:
        CheckpointError: the file cannot be written; the one that is there stays.

    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    parts = {str(step): np.stack([psi.real, psi.imag]) for step, psi in states.items()}
    header = {"format": _FORMAT, "episode": str(episode)}
    if energies:
        header["energies"] = json.dumps(energies)
    try:
        with replace_file(path) as unfinished:
            save_file(parts, unfinished, metadata=header)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path}: the states cannot be written: {error}",
            hint="Make room or fix the permissions.",
        ) from None


def read_snapshots(path: Path) -> Snapshots | None:
    """Read the states; None if there is no file.

    Raises:
        InputError: the file is damaged or of another format.

    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        check_plain(path, follow=False)
        with safe_open(path, framework="np") as file:
            header = file.metadata() or {}
            if header.get("format") != _FORMAT:
                raise ValueError(f"its format is {header.get('format')!r}, not {_FORMAT!r}")
            parts = {int(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        states = {step: _join_parts(parts[step]) for step in sorted(parts)}
        energies = {int(step): float(value) for step, value in _parse_energies(header)}
        return Snapshots(int(header["episode"]), states, energies)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: no states of a run: {error}",
            hint="Remove it; a training writes a new one with its next checkpoint.",
        ) from None


def _parse_energies(header: Mapping[str, str]) -> list[tuple[str, float]]:
    energies = json.loads(header.get("energies", "{}"))
    if not isinstance(energies, dict):
        raise ValueError("its energies are not a mapping")
    return list(energies.items())


def _join_parts(parts: NDArray[np.float32]) -> NDArray[np.complex64]:
    if parts.dtype != np.float32 or parts.ndim != 4 or parts.shape[0] != 2 or not parts.size:
        raise ValueError(f"a tensor is {parts.dtype} {parts.shape}, not float32 (2, d, H, W)")
    return parts[0] + np.complex64(1j) * parts[1]
