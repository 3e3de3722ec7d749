"""The answers of `docker compose version`, with and without the plugin."""

import os
from dataclasses import asdict
from pathlib import Path

import pytest

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import ComposePlugin, NoComposePlugin
from infra.host.probes import compose
from tests.support.fake_programs import write_program

COMPOSE = {
    # The output and the exit code of `docker compose version`, as recorded on test beds.
    "2.40, as Docker ships it": ("Docker Compose version v2.40.3", "", 0, "2.40.3"),
    "Debian's, without the v": ("Docker Compose version 2.26.1-4", "", 0, "2.26.1-4"),
    "after the jump": ("Docker Compose version v5.0.0", "", 0, "5.0.0"),
    "Podman's word before it": (
        "Docker Compose version v2.40.3",
        '>>>> Executing external compose provider "/usr/bin/docker-compose". <<<<',
        0,
        "2.40.3",
    ),
    "client 28 without the plugin": ("", "docker: unknown command: docker compose", 1, None),
    "a warning before it": (
        "",
        "WARNING: Error parsing config file (/c): x\ndocker: unknown command: docker compose",
        1,
        None,
    ),
    "client 20.10 without it": ("", "docker: 'compose' is not a docker command.", 1, None),
}


@pytest.mark.parametrize(
    ("stdout", "stderr", "code", "version"), COMPOSE.values(), ids=COMPOSE.keys()
)
def test_the_compose_plugin(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    stdout: str,
    stderr: str,
    code: int,
    version: str | None,
) -> None:
    install_docker(
        monkeypatch, tmp_path, f"cat {tmp_path}/out; cat {tmp_path}/err >&2; exit {code}"
    )
    (tmp_path / "out").write_text(stdout)
    (tmp_path / "err").write_text(stderr)
    found = compose.probe(Deadline(5))
    if version:
        assert asdict(found) == {
            "found": True,
            "version": version,
            "docker_client": str(tmp_path / "docker"),
            "client_version": "20.10.24+dfsg1",
            "buildx": "0.13.1+ds1",
            "missing_credential_helpers": (),
            "fixed_api": "",
        }
    else:
        assert asdict(found) == {"found": False, "detail": stderr.splitlines()[-1]}


@pytest.mark.parametrize("answer", ["echo podman version 4.3.1", "exit 1", "exec sleep 20"])
def test_a_client_without_a_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str
) -> None:
    write_program(
        tmp_path / "docker",
        f'[ "$1" = compose ] && echo Docker Compose version v2.40.3 && exit\n{answer}',
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    found = compose.probe(Deadline(0.5))

    assert isinstance(found, ComposePlugin)
    assert (found.version, found.client_version) == ("2.40.3", None)


def test_buildx_is_probed_only_if_images_may_be_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_docker(monkeypatch, tmp_path, "echo Docker Compose version v2.40.3")
    write_program(tmp_path / "cli-plugins/docker-buildx", f"touch {tmp_path}/asked")

    found = compose.probe(Deadline(5), asks_buildx=False)

    assert isinstance(found, ComposePlugin)
    assert found.buildx is None
    assert not (tmp_path / "asked").exists()


def test_no_docker_program_no_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not compose.probe(Deadline(5)).found


@pytest.mark.parametrize(
    "script",
    [
        *("echo hello", "exec sleep 20", "exec yes", "exit 126"),
        # Client 20.10 with the plugin, and DOCKER_CONTEXT=gone.
        """echo 'unable to resolve docker endpoint: context "gone" does not exist' >&2; exit 1""",
    ],
)
def test_a_program_that_is_not_docker_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    install_docker(monkeypatch, tmp_path, script)
    with pytest.raises(ProbeError):
        compose.probe(Deadline(0.5))


def test_podman_compose_is_not_docker_compose(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """podman-docker runs it if there is no other; containers/podman-compose 1329: no --wait."""
    provider = 'echo ">>>> Executing external compose provider" >&2'
    install_docker(monkeypatch, tmp_path, f"{provider}; echo podman-compose version 1.5.0")

    found = compose.probe(Deadline(5))

    assert isinstance(found, NoComposePlugin)
    assert "runs podman-compose 1.5.0" in found.detail


def test_a_fixed_api_version_is_noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install_docker(monkeypatch, tmp_path, "echo Docker Compose version v2.40.3")
    monkeypatch.setenv("DOCKER_API_VERSION", "1.41")

    found = compose.probe(Deadline(5))

    assert isinstance(found, ComposePlugin)
    assert found.fixed_api == "1.41"


def install_docker(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Install a `docker` on PATH that records its arguments and runs the script."""
    answer = '[ "$*" = --version ] && echo "Docker version 20.10.24+dfsg1, build 297e128" && exit'
    (folder / "cli-plugins").mkdir()
    write_program(
        folder / "cli-plugins/docker-buildx", "echo github.com/docker/buildx 0.13.1+ds1 0.13.1-3"
    )
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    monkeypatch.delenv("DOCKER_API_VERSION", raising=False)
    write_program(folder / "docker", f'{answer}\n[ "$*" = "compose version" ] || exit 9\n{script}')
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
