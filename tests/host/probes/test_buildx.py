"""The version of buildx, and the folders in which it is searched."""

from pathlib import Path

import pytest

from infra.host.deadline import Deadline
from infra.host.probes import buildx
from tests.support.fake_programs import write_program


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo github.com/docker/buildx v0.17.1 257815a6f", "0.17.1"),
        ("echo github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3", "0.13.1+ds1"),
        ("echo nonsense", None),
        ("echo github.com/docker/buildx dev", None),
        ("exit 1", None),
        ("exec sleep 20", None),
        (None, ""),
    ],
)
def test_the_users_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, version: str | None
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(buildx, "_SYSTEM_FOLDERS", ())
    (tmp_path / "cli-plugins").mkdir()
    if script:
        write_program(tmp_path / "cli-plugins/docker-buildx", script)

    assert buildx.ask_buildx_version(Deadline(0.5)) == version


def test_the_users_plugin_takes_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(buildx, "_SYSTEM_FOLDERS", (str(tmp_path / "system"),))
    for folder, version in (("system", "0.13.1"), ("cli-plugins", "0.29.1")):
        (tmp_path / folder).mkdir()
        write_program(tmp_path / folder / "docker-buildx", f"echo a/buildx v{version}")
        assert buildx.ask_buildx_version(Deadline(5)) == version
