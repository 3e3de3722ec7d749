"""The Python that runs qca, and its torch, which is not imported."""

import sys
from pathlib import Path

import pytest

from infra.host.errors import ProbeError
from infra.host.probes import python


def test_this_python_is_described_without_importing_torch() -> None:
    torch_was_there = "torch" in sys.modules
    found = python.probe()
    assert found.executable == sys.executable
    assert found.version == ".".join(map(str, sys.version_info[:3]))
    assert "docker" in found.distributions
    assert ("torch" in sys.modules) == torch_was_there


TORCH = {
    "a CUDA build": ("cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n", "13.0"),
    "a CPU build": ("cuda: Optional[str] = None\n", None),
    "an older file": ('cuda = "11.8"\n', "11.8"),
}


@pytest.mark.parametrize(("text", "cuda"), TORCH.values(), ids=TORCH.keys())
def test_torchs_cuda_is_read_from_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, cuda: str | None
) -> None:
    install_torch(monkeypatch, tmp_path, f"__version__ = '2.13.0'\ndebug = False\n{text}")
    assert python.probe().torch_cuda == cuda


def test_a_torch_without_a_cuda_line_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_torch(monkeypatch, tmp_path, "__version__ = '2.13.0'\n")
    with pytest.raises(ProbeError, match="the CUDA version"):
        python.probe()


def install_torch(monkeypatch: pytest.MonkeyPatch, folder: Path, version: str) -> None:
    (folder / "torch").mkdir()
    (folder / "torch/__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "torch/version.py").write_text(version)
    (folder / "torch-2.13.0.dist-info").mkdir()
    (folder / "torch-2.13.0.dist-info/METADATA").write_text("Name: torch\nVersion: 2.13.0\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
