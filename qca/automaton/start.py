"""The initial state of a rollout: random, a single excited cell, or read from a file."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np
from numpy.lib.format import MAGIC_PREFIX
from numpy.lib.npyio import NpzFile

from qca.core.errors import InputError
from qca.core.plugins import list_plugins, load_plugin
from qca.core.unet_shape import GRID_MULTIPLE
from qca.measures.state import ComplexArray
from qca.model.initial_state import draw_initial_state
from qca.runs.snapshots import read_snapshots

GROUP = "qca.initial_states"
LARGEST_GRID = 4096
_GROUND = 0  # the component of all cells but the excited one
_ZIP_PREFIX = b"PK"  # of .npz files
_LARGEST_NORM = 1 + 1e-3  # allows for rounding

Draw = Callable[[int, int, int], ComplexArray]
"""A function from seed, d_state and grid to complex64 cells (d_state, grid, grid) of norm 1."""


@dataclass(frozen=True)
class InitialState:
    """An initial state that an installed package adds."""

    draw: Draw


def _draw_random(seed: int, d_state: int, grid: int) -> ComplexArray:
    """Return normalized complex normal cells, as at the start of a training run."""
    return draw_initial_state(seed, range(1), d_state=d_state, grid=grid)[0].numpy()


def _draw_seed_cell(seed: int, d_state: int, grid: int) -> ComplexArray:
    """Return cells in component 0, except for a random one in the middle."""
    psi = np.zeros((d_state, grid, grid), np.complex64)
    psi[_GROUND] = 1
    middle = grid // 2
    psi[:, middle, middle] = _draw_random(seed, d_state, GRID_MULTIPLE)[:, 0, 0]
    return psi


# The errors that numpy raises for a file of another format, a damaged one, or one too large to fit
# in memory.
_UNREADABLE = (
    *(OSError, ValueError, LookupError, EOFError, RuntimeError, MemoryError),
    *(BadZipFile, TokenError, zlib.error),
)

BUILT_IN: dict[str, Draw] = {"random": _draw_random, "seed-cell": _draw_seed_cell}


def list_initial_states() -> list[str]:
    """Return the names of all initial states, those of installed packages last."""
    return [*BUILT_IN, *(name for name in list_plugins(GROUP) if name not in BUILT_IN)]


def check_grid(grid: int) -> None:
    """Refuse a grid that the network cannot halve twice.

    Raises:
        InputError: it is not a multiple of 4 from 4 to 4096.

    """
    if grid % GRID_MULTIPLE or not GRID_MULTIPLE <= grid <= LARGEST_GRID:
        nearest = min(max(GRID_MULTIPLE, round(grid / GRID_MULTIPLE) * GRID_MULTIPLE), LARGEST_GRID)
        raise InputError(
            f"invalid grid {grid}: it must be a multiple of {GRID_MULTIPLE} "
            f"from {GRID_MULTIPLE} to {LARGEST_GRID}",
            hint=f"For example --grid {nearest}.",
        )


def make_start(
    start: str | Path | ComplexArray, *, seed: int, d_state: int, grid: int | None
) -> ComplexArray:
    """Return the cells to start from, complex64 (d_state, H, W).

    `start` is an array of cells, a file for `_read_start`, or the name of an initial state. Only a
    name needs `grid`; the others have their own.

    Raises:
        InputError: there is no such initial state or file, or it does not fit the automaton.

    """
    if isinstance(start, np.ndarray):
        psi, name = start, "the start"
    else:
        psi, name = _find_start(start, seed, d_state, grid), str(start)
    _check_cells(psi, name, d_state)
    if grid is not None and psi.shape[1:] != (grid, grid):
        raise InputError(
            f"{name}: its grid is {psi.shape[1]}x{psi.shape[2]}, not {grid}x{grid}",
            hint="Omit the grid to use the state's own.",
        )
    return np.ascontiguousarray(psi, np.complex64)


def has_own_grid(start: str | Path | ComplexArray) -> bool:
    """Return whether a start is an array or a file, which have their own grid."""
    return isinstance(start, np.ndarray) or str(start) not in list_initial_states()


def _find_start(start: str | Path, seed: int, d_state: int, grid: int | None) -> ComplexArray:
    name = str(start)
    if has_own_grid(start):
        return _read_start(Path(start))
    assert grid is not None
    check_grid(grid)
    if name in BUILT_IN:
        return BUILT_IN[name](seed, d_state, grid)
    plugin = load_plugin(list_plugins(GROUP)[name], InitialState)
    return plugin.draw(seed, d_state, grid)


def _read_start(path: Path) -> ComplexArray:
    """Read cells, complex (d_state, H, W), from a trajectory (its last state) or a .npy file.

    Raises:
        InputError: the file does not exist, or has no state.

    """
    names = ", ".join(list_initial_states())
    if not path.is_file():
        raise InputError(
            f"--start {path}: neither an initial state nor a file",
            hint=f"Initial states: {names}. Files: .safetensors, .npz, .npy.",
        )
    if path.suffix == ".safetensors":
        found = read_snapshots(path)
        if not found or not found.states:
            raise InputError(f"{path}: has no states", hint=f"Initial states: {names}.")
        return list(found.states.values())[-1]
    try:
        content: Any = np.load(path, allow_pickle=False)
        is_archive = isinstance(content, NpzFile)
        return np.asarray(cast("dict[str, Any]", content)["psi"])[-1] if is_archive else content
    except _UNREADABLE as error:
        raise InputError(
            f"{path}: cannot read a state: {_describe_error(path, error)}",
            hint="Give a trajectory from `qca rollout` or an array saved with numpy.save.",
        ) from None


def _describe_error(path: Path, error: Exception) -> str:
    """Return the reason without numpy's advice to load Python objects, which may run their code."""
    if "pickle" not in str(error):
        return str(error) or type(error).__name__
    with path.open("rb") as file:
        head = file.read(len(MAGIC_PREFIX))
    if head.startswith((MAGIC_PREFIX, _ZIP_PREFIX)):
        return "it contains Python objects"
    return "it is neither a .npy nor an .npz file"


def _check_cells(psi: ComplexArray, name: str, d_state: int) -> None:
    hint = "A state is complex, of shape (d_state, H, W), with cells of norm 1 or less."
    if psi.ndim != 3 or not np.iscomplexobj(psi):
        raise InputError(f"{name}: {psi.dtype} {psi.shape} is not a state", hint=hint)
    if psi.shape[0] != d_state:
        raise InputError(
            f"{name}: its cells have {psi.shape[0]} components, the automaton's have {d_state}",
            hint=hint,
        )
    for side in psi.shape[1:]:
        check_grid(side)
    if not np.isfinite(psi).all():
        raise InputError(f"{name}: contains NaN or infinity", hint=hint)
    if np.linalg.norm(psi, axis=0).max() > _LARGEST_NORM:
        raise InputError(f"{name}: contains cells with a norm above 1", hint=hint)
