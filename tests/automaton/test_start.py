"""Initial states are random, a single excited cell, or read from a file."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from qca.automaton.start import GROUP, InitialState, has_own_grid, make_start
from qca.core.errors import InputError
from qca.measures.state import ComplexArray
from tests.support.plugins import install
from tests.support.run_folders import field, write_states


def draw_ones(seed: int, d_state: int, grid: int) -> ComplexArray:
    return np.full((d_state, grid, grid), d_state**-0.5, np.complex64)


ones = InitialState(draw_ones)


def start(what: object, grid: int | None = None, d_state: int = 3) -> ComplexArray:
    return make_start(what, seed=0, d_state=d_state, grid=grid)  # type: ignore[arg-type]


def test_only_the_seed_cell_is_not_in_component_0():
    psi = start("seed-cell", 8)
    excited = np.abs(psi[0]) < 1
    assert np.argwhere(excited).tolist() == [[4, 4]]
    assert np.linalg.norm(psi, axis=0) == pytest.approx(1, abs=1e-6)
    other = make_start("seed-cell", seed=1, d_state=3, grid=8)
    assert not np.allclose(psi[:, 4, 4], other[:, 4, 4])


def test_a_trajectory_continues_from_its_last_state(tmp_path):
    write_states(tmp_path, {0: field(), 10: field(1), 9: field(2)})
    assert np.allclose(start(tmp_path / "states.safetensors"), field(1))
    np.savez(tmp_path / "states.npz", psi=np.stack([field(), field(1)]))
    assert np.array_equal(start(tmp_path / "states.npz"), field(1))


def test_the_users_own_array_is_used_unchanged(tmp_path):
    np.save(tmp_path / "one.npy", field())
    assert np.array_equal(start(tmp_path / "one.npy"), field())
    assert np.array_equal(start(field()), field())
    assert has_own_grid(field())
    assert not has_own_grid("random")


def test_an_installed_package_adds_an_initial_state(monkeypatch):
    install(monkeypatch, GROUP, __name__, ones="ones")
    assert (start("ones", 4) == draw_ones(0, 3, 4)).all()


BAD = {
    "a NaN": (lambda: np.where(np.eye(8), np.nan, field()), "contains NaN or infinity"),
    "a large cell": (lambda: 2 * field(), "a norm above 1"),
    "no complex numbers": (lambda: field().real, "is not a state"),
    "a batch": (lambda: field()[None], "is not a state"),
    "a row of cells": (lambda: field()[:, 0], "is not a state"),
    "other components": (lambda: field()[:2], "cells have 2 components, the automaton's have 3"),
    "a grid of 6": (lambda: field()[:, :6, :6], "invalid grid 6"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_state_that_does_not_fit_the_automaton_is_refused(name):
    make, message = BAD[name]
    with pytest.raises(InputError, match=message):
        start(make())
    with pytest.raises(InputError, match=message):
        start(make(), 8)


def test_a_file_with_another_grid_than_requested_is_refused(tmp_path):
    np.save(tmp_path / "one.npy", field())
    with pytest.raises(InputError, match="its grid is 8x8, not 16x16"):
        start(tmp_path / "one.npy", 16)


@pytest.mark.parametrize("name", ["nothing", "text.npy", "empty.npz", "cut.safetensors"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, name):
    write_states(tmp_path, {0: field()})
    whole = (tmp_path / "states.safetensors").read_bytes()
    contents = {"text.npy": b"hello", "empty.npz": b"", "cut.safetensors": whole[:-9]}
    if name in contents:
        (tmp_path / name).write_bytes(contents[name])
    with pytest.raises(InputError):
        start(tmp_path / name)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: path.write_text("# A page\n"), "it is neither a .npy nor an .npz file"),
        (lambda path: np.save(path, np.array([{}])), "it contains Python objects"),
        (lambda path: np.savez(path, psi=np.array([{}])), "it contains Python objects"),
    ],
)
def test_numpys_advice_to_load_python_objects_is_not_repeated(tmp_path, write, reason):
    write(tmp_path / "one.npz")
    [path] = tmp_path.iterdir()
    with pytest.raises(InputError) as error:
        start(path)
    assert error.value.message == f"{path}: cannot read a state: {reason}"


def write_npy(path: Path, header: str) -> None:
    """Write the header of an array without its numbers."""
    text = header.encode().ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)


HEADERS = {
    "cut short": "{'descr': (",
    "larger than memory": "{'descr': '<c8', 'fortran_order': False, 'shape': (30000000000000,)}",
}


@pytest.mark.parametrize("name", HEADERS)
def test_an_array_that_numpy_cannot_read_is_refused(tmp_path, name):
    write_npy(tmp_path / "one.npy", HEADERS[name])
    with pytest.raises(InputError, match=r"one\.npy: cannot read a state"):
        start(tmp_path / "one.npy")


def test_an_archive_whose_psi_is_not_an_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "one.npz", "w") as archive:
        archive.writestr("psi", "hello")
    with pytest.raises(InputError, match=r"one\.npz: cannot read a state"):
        start(tmp_path / "one.npz")
