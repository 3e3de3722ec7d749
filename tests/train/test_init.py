"""`--init`: weights from another program's checkpoint, by name, without running its code."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from qca.core.errors import CheckpointError, InputError
from qca.runs.events import Started
from tests.support.training import make_other_weights, read_newest, run, small


def _start(folder: Path, init: Path, **how):
    return run(small(episodes=1), folder, init=init, **how)


def test_training_starts_from_them(tmp_path):
    save_file(make_other_weights(), tmp_path / "file")
    run(small(episodes=1, learning_rate=1e-9), tmp_path / "run", init=tmp_path / "file")
    for name, value in make_other_weights().items():
        torch.testing.assert_close(read_newest(tmp_path / "run").tensors[f"model.{name}"], value)


def test_a_resumed_run_keeps_its_own_weights_and_says_so(tmp_path):
    run(small(episodes=1), tmp_path / "run")
    before = read_newest(tmp_path / "run")
    save_file(make_other_weights(), tmp_path / "file")
    first = run(small(episodes=2), tmp_path / "run", init=tmp_path / "file", resume=True)[0]
    assert isinstance(first, Started)
    assert "is ignored" in first.warnings[0]
    assert first.first_episode == before.episode + 1


class _Evil:
    def __reduce__(self):
        return (Path.touch, (Path("touched"),))


BAD = {
    "missing": (lambda path: None, "no such file"),
    "a folder": (lambda path: path.mkdir(), "cannot read weights"),
    "empty": (lambda path: path.touch(), "neither a safetensors file nor one saved with"),
    "text": (lambda path: path.write_text("weights"), "neither a safetensors file nor one saved"),
    "cut": (
        lambda path: (
            save_file(make_other_weights(), path),
            path.write_bytes(path.read_bytes()[:-9]),
        ),
        "cannot read weights",
    ),
    "a cut archive": (
        lambda path: (
            torch.save(make_other_weights(), path),
            path.write_bytes(path.read_bytes()[:-99]),
        ),
        "incomplete or damaged: the zip archive has no directory",
    ),
    "an ONNX model": (
        lambda path: path.write_bytes(b"\x08\x0a\x12\x07pytorch"),
        "cannot read weights from an ONNX model",
    ),
    "code": (lambda path: path.write_bytes(pickle.dumps(_Evil())), "cannot read weights"),
    "code in an archive": (
        lambda path: torch.save({"model": _Evil()}, path),
        "cannot read weights",
    ),
    "another model": (
        lambda path: save_file({"layer.weight": torch.ones(2)}, path),
        r"it has no tensor named inc\.conv_block\.0\.weight",
    ),
    "numbers": (lambda path: torch.save([1, 2], path), "it has no tensor named"),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD.keys())
def test_a_file_without_weights_is_refused_before_anything_is_created(
    tmp_path, monkeypatch, make, message
):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "file")
    with pytest.raises(InputError, match=message):
        _start(tmp_path / "run", tmp_path / "file")
    assert not Path("touched").exists()
    assert not (tmp_path / "run").exists()
    save_file(make_other_weights(), tmp_path / "good")
    _start(tmp_path / "run", tmp_path / "good")  # a refused file leaves nothing behind


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            make_other_weights(hidden_channels=8),
            r"bot\.conv_block\.0\.weight is \(64, 32, 3, 3\), not \(",
        ),
        (
            {name: value for name, value in make_other_weights().items() if name != "outc.bias"},
            r"outc\.bias is missing, not \(4,\)",
        ),
        (
            make_other_weights() | {"outc.bias": torch.full((4,), float("nan"))},
            r"outc\.bias contains NaN",
        ),
        (
            make_other_weights() | {"outc.bias": torch.full((4,), -torch.inf)},
            r"outc\.bias contains NaN or infinity",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(tmp_path, weights, message):
    save_file(weights, tmp_path / "file")
    with pytest.raises(CheckpointError, match=message):
        _start(tmp_path / "run", tmp_path / "file")
    assert not (tmp_path / "run/config.json").exists()
