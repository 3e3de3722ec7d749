"""The size of an image's download, as `docker manifest inspect` reports it."""

import json
import os
from pathlib import Path

import pytest

from infra.stack.image import fetch_download_size
from tests.support.fake_engine import VERSION, engine_at
from tests.support.fake_programs import write_program
from tests.support.program import short_folder


def describe_manifest(architecture: str, *layers: int) -> dict:
    return {
        "Descriptor": {"platform": {"architecture": architecture, "os": "linux"}},
        "OCIManifest": {"layers": [{"size": size} for size in layers]},
    }


MANIFESTS = [describe_manifest("amd64", 10, 20), describe_manifest("arm64", 3, 4)]


@pytest.mark.parametrize(("architecture", "size"), [("amd64", 30), ("arm64", 7), ("riscv64", None)])
def test_the_download_is_the_one_for_the_engines_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, size: int | None
) -> None:
    write_program(tmp_path / "docker", f"echo '{json.dumps(MANIFESTS)}'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with (
        short_folder() as folder,
        engine_at(folder / "d.sock", {"/version": {**VERSION, "Arch": architecture}}),
    ):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/d.sock")
        assert fetch_download_size("redis:8") == size
