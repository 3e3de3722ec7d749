"""Each exported file computes the same step in a program that does not import qca."""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from qca.automaton.automaton import Automaton
from qca.core.errors import CheckpointError, InputError, LaunchError
from qca.export.files import describe, export_automaton
from qca.model.unet import UNetUnitary
from tests.export.conftest import FORMATS, ONNX

GRIDS = ((1, 8, 8), (3, 16, 12))

# Runs in a separate program that must not import qca.
STEPS = {
    "pt2": """
import torch
module = torch.export.load(path).module()
step = lambda real, imaginary: module(torch.from_numpy(real), torch.from_numpy(imaginary))
""",
    "onnx": """
import onnxruntime
session = onnxruntime.InferenceSession(path)
step = lambda real, imaginary: session.run(None, {"real": real, "imaginary": imaginary})
""",
}
PROGRAM = """
import sys
import numpy as np
path, starts, ends = sys.argv[1:]
{step}
assert "qca" not in sys.modules
found = np.load(starts)
np.savez(ends, **{{
    name: np.stack([np.asarray(part) for part in step(psi.real.copy(), psi.imag.copy())])
    for name, psi in found.items()
}})
"""


def draw(batch: int, rows: int, columns: int) -> np.ndarray:
    parts = np.random.default_rng(0).standard_normal((2, batch, 3, rows, columns))
    psi = parts[0] + 1j * parts[1]
    return (psi / np.linalg.norm(psi, axis=1, keepdims=True)).astype(np.complex64)


@pytest.mark.parametrize("format_", ["pt2", ONNX])
def test_the_step_is_the_same_for_any_batch_and_grid(automaton, exports, tmp_path, format_):
    starts = {f"start{number}": draw(*sizes) for number, sizes in enumerate(GRIDS)}
    np.savez(tmp_path / "starts.npz", start0=starts["start0"], start1=starts["start1"])
    files = (exports[format_], tmp_path / "starts.npz", tmp_path / "ends.npz")
    program = PROGRAM.format(step=STEPS[format_])
    subprocess.run([sys.executable, "-c", program, *files], check=True, cwd=tmp_path)
    ends = np.load(tmp_path / "ends.npz")
    for name, psi in starts.items():
        with torch.no_grad():
            expected = automaton.evolution(torch.from_numpy(psi)).numpy()
        real, imaginary = ends[name]
        assert np.abs(real + 1j * imaginary - expected).max() < 1e-5
        assert np.abs(expected - psi).max() > 1e-2


def test_atherias_loader_finds_the_weights(automaton, exports):
    """Atheria's `load_model` reads the weights by name under `model_state_dict`."""
    checkpoint = torch.load(exports["pth"], map_location="cpu")
    assert checkpoint["episode"] == 6
    model = UNetUnitary(d_state=3, hidden_channels=4)
    missing, unexpected = model.load_state_dict(checkpoint["model_state_dict"], strict=False)
    assert (missing, unexpected) == ([], [])
    x = torch.randn(1, 6, 8, 8)
    with torch.no_grad():
        assert torch.equal(model(x), automaton.evolution.model(x))


@pytest.mark.parametrize("format_", ["safetensors", "pth"])
def test_qca_loads_it_back(automaton, exports, format_):
    loaded = Automaton.load(exports[format_], device="cpu")
    assert (loaded.name, loaded.episode, loaded.config) == ("first", 6, automaton.config)
    ends = [list(one.rollout(2))[-1].psi for one in (loaded, automaton)]
    assert np.array_equal(ends[0], ends[1])


def test_all_weights_have_their_names(automaton, exports):
    with safe_open(exports["safetensors"], framework="pt") as file:
        names, header = set(file.keys()), file.metadata()
    assert names == automaton.evolution.model.state_dict().keys()
    assert json.loads(header["config"])["d_state"] == 3


@pytest.mark.parametrize("format_", FORMATS)
def test_a_truncated_file_is_refused(exports, tmp_path, format_):
    cut = tmp_path / f"cut.{format_}"
    cut.write_bytes(exports[format_].read_bytes()[:5000])
    with pytest.raises(InputError):
        Automaton.load(cut, device="cpu")


@pytest.mark.parametrize(
    ("format_", "kind"),
    [
        ("pt2", "a torch.export program"),
        pytest.param("onnx", "an ONNX model", marks=pytest.mark.slow),
    ],
)
def test_an_exported_step_is_refused_by_its_kind(exports, format_, kind):
    with pytest.raises(InputError, match=f"cannot read weights from {kind}") as error:
        Automaton.load(exports[format_], device="cpu")
    assert "qca export RUN -o first.safetensors" in error.value.hint


def test_weights_with_a_nan_are_refused(automaton, exports, tmp_path):
    content = torch.load(exports["pth"])
    content["model_state_dict"]["outc.bias"][0] = float("nan")
    torch.save(content, tmp_path / "nan.pth")
    with pytest.raises(CheckpointError, match=r"outc\.bias contains NaN or infinity"):
        Automaton.load(tmp_path / "nan.pth", device="cpu")


def test_weights_without_a_description_are_refused(exports, tmp_path):
    content = torch.load(exports["pth"])
    torch.save(content["model_state_dict"], tmp_path / "bare.pth")
    with pytest.raises(InputError, match="no metadata that describe") as error:
        Automaton.load(tmp_path / "bare.pth", device="cpu")
    assert "--init" in error.value.hint


def test_a_file_that_cannot_be_written_leaves_nothing(automaton, tmp_path):
    with pytest.raises(InputError, match="unknown output format"):
        export_automaton(automaton, tmp_path / "first.bin")
    (tmp_path / "file").touch()
    with pytest.raises(LaunchError, match=r"cannot write .*first\.pth: .*file is not a folder"):
        export_automaton(automaton, tmp_path / "file" / "first.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_full_disk_is_reported(automaton, tmp_path, format_):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(LaunchError, match=r"cannot write .*: File too large"):
            export_automaton(automaton, tmp_path / f"first.{format_}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format_", ["safetensors", "pth"])
def test_a_file_may_have_any_name(automaton, exports, tmp_path, format_):
    renamed = shutil.copy(exports[format_], tmp_path / "first.weights")
    assert Automaton.load(renamed, device="cpu").config == automaton.config


@pytest.mark.parametrize(
    "change", [{"episode": "six"}, {"config": "no JSON"}, {"config": "[" * 100_000}]
)
def test_foreign_metadata_are_refused(automaton, exports, tmp_path, change):
    header = {**describe(automaton), **change}
    save_file(load_file(exports["safetensors"]), tmp_path / "one.safetensors", header)
    torch.save({**torch.load(exports["pth"]), "qca": header}, tmp_path / "one.pth")
    for name in ("one.safetensors", "one.pth"):
        with pytest.raises(InputError, match="cannot read its metadata"):
            Automaton.load(tmp_path / name, device="cpu")


@pytest.mark.parametrize("change", [{"episode": [6]}, {"config": 5}])
def test_metadata_that_are_not_text_are_refused(automaton, exports, tmp_path, change):
    content = {**torch.load(exports["pth"]), "qca": {**describe(automaton), **change}}
    torch.save(content, tmp_path / "one.pth")
    with pytest.raises(InputError, match="cannot read its metadata"):
        Automaton.load(tmp_path / "one.pth", device="cpu")


def test_without_onnx_its_extra_is_named(automaton, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(LaunchError, match="ONNX needs the extra `export`: onnx") as error:
        export_automaton(automaton, Path(tmp_path) / "first.onnx")
    assert "'export'" in error.value.hint or "onnx>=" in error.value.hint
