import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from qca.core.errors import CheckpointError, InputError
from qca.runs.snapshots import read_snapshots, write_snapshots


@pytest.fixture(scope="module")
def states() -> dict[int, NDArray[np.complex64]]:
    """Return states of three steps, not in ascending order."""
    random = np.random.default_rng(0)
    parts = {step: random.standard_normal((2, 3, 8, 8)) for step in (4, 0, 2)}
    return {step: (real + 1j * imag).astype(np.complex64) for step, (real, imag) in parts.items()}


def test_states_are_read_back_exactly_and_in_order(tmp_path, states):
    write_snapshots(tmp_path / "states.safetensors", 50, states)
    found = read_snapshots(tmp_path / "states.safetensors")
    assert found is not None
    assert found.episode == 50
    assert list(found.states) == [0, 2, 4]
    for step, state in found.states.items():
        assert state.dtype == np.complex64
        assert np.array_equal(state, states[step])


def test_energies_are_read_back_if_they_were_written(tmp_path, states):
    path = tmp_path / "states.safetensors"
    write_snapshots(path, 50, states, {0: 1.0, 2: 0.75})
    found = read_snapshots(path)
    assert found is not None
    assert found.energies == {0: 1.0, 2: 0.75}
    write_snapshots(path, 50, states)
    assert (found := read_snapshots(path)) is not None
    assert found.energies == {}


def test_a_newer_file_replaces_the_older(tmp_path, states):
    path = tmp_path / "states.safetensors"
    write_snapshots(path, 1, states)
    write_snapshots(path, 2, {7: states[4]})
    found = read_snapshots(path)
    assert found is not None
    assert (found.episode, list(found.states)) == (2, [7])
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_is_empty(tmp_path):
    assert read_snapshots(tmp_path / "states.safetensors") is None


def test_a_file_that_cannot_be_written_is_reported(tmp_path, states):
    with pytest.raises(CheckpointError, match="the states cannot be written"):
        write_snapshots(tmp_path / "nowhere" / "states.safetensors", 1, states)


def _truncate(path, states):
    write_snapshots(path, 1, states)
    path.write_bytes(path.read_bytes()[:-10])


def _drop_format(path, states):
    save_file({"0": np.zeros((2, 1, 4, 4), np.float32)}, path)


def _use_wrong_shape(path, states):
    save_file(
        {"0": np.zeros((4, 4), np.float32)},
        path,
        metadata={"format": "qca-states-1", "episode": "1"},
    )


def _use_wrong_name(path, states):
    header = {"format": "qca-states-1", "episode": "1"}
    save_file({"weight": np.zeros((2, 1, 4, 4), np.float32)}, path, metadata=header)


@pytest.mark.parametrize("spoil", [_truncate, _drop_format, _use_wrong_shape, _use_wrong_name])
def test_the_error_for_an_invalid_file_names_it(tmp_path, states, spoil):
    path = tmp_path / "states.safetensors"
    spoil(path, states)
    with pytest.raises(InputError, match=r"states\.safetensors: cannot read the states"):
        read_snapshots(path)


def test_reading_needs_no_torch(tmp_path, states):
    write_snapshots(tmp_path / "states.safetensors", 1, states)
    probe = (
        "import sys; from pathlib import Path; from qca.runs.snapshots import read_snapshots\n"
        "assert read_snapshots(Path(sys.argv[1])).states; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", probe, tmp_path / "states.safetensors"], check=True)
