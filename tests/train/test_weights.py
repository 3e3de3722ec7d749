"""Weights are read from every supported file; `test_init` tests the refused ones."""

import pytest
import torch
from safetensors.torch import save_file

from qca.train.weights import read_weights
from tests.support.training import make_other_weights, read_newest, run, small

WRITERS = {
    "safetensors": save_file,
    "torch.save": torch.save,
    "below a key": lambda weights, path: torch.save({"epoch": 3, "model": weights}, path),
    "with a prefix": lambda weights, path: torch.save(
        {f"module.unet.{name}": value for name, value in weights.items()}, path
    ),
    "beside other tensors": lambda weights, path: save_file(
        {**{f"model.{name}": w for name, w in weights.items()}, "step": torch.ones(1)}, path
    ),
    "in 16 bits": lambda weights, path: save_file(
        {name: value.bfloat16().float().bfloat16() for name, value in weights.items()}, path
    ),
    "torch's old format": lambda weights, path: torch.save(
        weights, path, _use_new_zipfile_serialization=False
    ),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_weights_are_read_from_every_supported_file(tmp_path, write):
    expected = make_other_weights()
    write(expected, tmp_path / "file")
    found = read_weights(tmp_path / "file")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == torch.float32
        torch.testing.assert_close(found[name], value, rtol=0.01, atol=1e-6)


def test_our_own_checkpoints_are_supported(tmp_path):
    run(small(episodes=1), tmp_path / "run")
    (path,) = (tmp_path / "run/checkpoints").iterdir()
    found, saved = read_weights(path), read_newest(tmp_path / "run").tensors
    assert all(torch.equal(value, saved[f"model.{name}"]) for name, value in found.items())
