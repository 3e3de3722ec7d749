import subprocess
import sys

import numpy as np
import pytest
import torch

from qca.core.errors import CheckpointError, InputError
from qca.model.evolution import Evolution
from qca.model.state import initial_state
from qca.runs.snapshots import read, write
from qca.train.weights import new_model
from tests.support.training import small


@pytest.fixture(scope="module")
def states() -> dict[int, torch.Tensor]:
    """A real evolution, batch of two, looked at before it and after 2 and 4 steps."""
    config = small()
    psi = initial_state(0, range(2), d_state=config.d_state, grid=config.grid)
    step = Evolution(new_model(config), config.gamma, config.update)
    seen = {0: psi}
    for moment in range(1, 5):
        psi = step(psi)
        seen[moment] = psi
    return {moment: seen[moment] for moment in (4, 0, 2)}


def test_the_first_sample_comes_back_to_the_last_bit_in_the_order_of_time(tmp_path, states):
    write(tmp_path / "states.safetensors", states, episode=50)
    found = read(tmp_path / "states.safetensors")
    assert found is not None
    assert found.episode == 50
    assert list(found.states) == [0, 2, 4]
    for moment, state in found.states.items():
        assert state.dtype == np.complex64
        assert np.array_equal(state, states[moment][0].detach().numpy())


def test_a_newer_file_takes_the_place_of_the_older(tmp_path, states):
    path = tmp_path / "states.safetensors"
    write(path, states, episode=1)
    write(path, {7: states[4]}, episode=2)
    found = read(path)
    assert found is not None
    assert (found.episode, list(found.states)) == (2, [7])
    assert list(tmp_path.iterdir()) == [path]


def test_there_is_nothing_where_no_file_is(tmp_path):
    assert read(tmp_path / "states.safetensors") is None


def test_a_file_that_cannot_be_written_is_said(tmp_path, states):
    with pytest.raises(CheckpointError, match="the states cannot be written"):
        write(tmp_path / "nowhere" / "states.safetensors", states, episode=1)


def _cut(path, states):
    write(path, states, episode=1)
    path.write_bytes(path.read_bytes()[:-10])


def _foreign(path, states):
    from safetensors.torch import save_file

    save_file({"0": torch.zeros(2, 1, 4, 4)}, path)


def _other_shape(path, states):
    from safetensors.torch import save_file

    save_file({"0": torch.zeros(4, 4)}, path, metadata={"format": "qca-states-1", "episode": "1"})


def _other_name(path, states):
    from safetensors.torch import save_file

    header = {"format": "qca-states-1", "episode": "1"}
    save_file({"weight": torch.zeros(2, 1, 4, 4)}, path, metadata=header)


@pytest.mark.parametrize("spoil", [_cut, _foreign, _other_shape, _other_name])
def test_a_file_that_is_none_of_these_is_refused_with_its_path(tmp_path, states, spoil):
    path = tmp_path / "states.safetensors"
    spoil(path, states)
    with pytest.raises(InputError, match=r"states\.safetensors: no states of a run"):
        read(path)


def test_reading_needs_no_torch(tmp_path, states):
    write(tmp_path / "states.safetensors", states, episode=1)
    probe = (
        "import sys; from pathlib import Path; from qca.runs.snapshots import read\n"
        "assert read(Path(sys.argv[1])).states; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", probe, tmp_path / "states.safetensors"], check=True)
