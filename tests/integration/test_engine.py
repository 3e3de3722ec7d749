"""The engine's API is reached in the same way as by the `docker` program."""

import hashlib
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.stack.containers import list_containers, read_service_statuses
from infra.stack.docker_client import connect_engine
from infra.stack.removal import refuse_foreign_project
from qca.core.errors import LaunchError
from tests.support.relay import relay_to
from tests.testbed.fixtures import Engine

PROJECT = f"qca-test-{os.getpid()}-labels"


def read_engine_id() -> str:
    with connect_engine() as engine:
        return engine.info()["ID"]


@pytest.fixture
def engine_id(engine_environment: Engine) -> str:
    return engine_environment.run("info", "--format", "{{.ID}}").stdout.strip()


def write_context(config: Path, name: str, host: str) -> Path:
    """Write a context as `docker context create` does; return the folder of its certificates."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / digest / "meta.json"
    meta.parent.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": False}
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
    (config / "config.json").write_text(json.dumps({"currentContext": name}))
    return config / "contexts" / "tls" / digest / "docker"


@pytest.fixture
def relay(engine: Engine) -> Iterator[Callable[..., int]]:
    """Start relays to the engine's socket."""
    if not engine.host.startswith("unix://"):
        pytest.skip("the engine is not on a Unix socket")
    with ExitStack() as relays:
        path = engine.host.removeprefix("unix://")
        yield lambda tls=None: relays.enter_context(relay_to(path, tls))


def test_the_current_context_is_used(engine_id, relay, tmp_path, monkeypatch):
    write_context(tmp_path, "far", f"tcp://127.0.0.1:{relay()}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert read_engine_id() == engine_id


def test_docker_host_overrides_the_context(engine_id, relay, tmp_path, monkeypatch):
    write_context(tmp_path, "far", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{relay()}")
    assert read_engine_id() == engine_id


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority, and its certificate for this machine, which both sides use."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    folder = tmp_path_factory.mktemp("certificates")
    new = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1")
    authority = ("-subj", "/CN=test", "-keyout", "ca-key.pem", "-out", "ca.pem")
    machine = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    signed = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-keyout", "key.pem", "-out", "cert.pem")
    for words in (authority, (*machine, *signed)):
        subprocess.run([*new, *words], cwd=folder, check=True, capture_output=True)
    return folder


def require_client_certificate(certificates: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates / "ca.pem")
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_context_with_certificates_speaks_tls(
    engine_id, relay, certificates, tmp_path, monkeypatch
):
    port = relay(require_client_certificate(certificates))
    folder = write_context(tmp_path, "far", f"tcp://127.0.0.1:{port}")
    shutil.copytree(certificates, folder)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "cert.pem"))  # of other projects
    assert read_engine_id() == engine_id


def test_a_server_of_another_authority_is_not_trusted(
    engine, relay, certificates, tmp_path, monkeypatch
):
    port = relay(require_client_certificate(certificates))
    shutil.copytree(certificates, tmp_path / "certificates")
    other = ("-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-out", "ca.pem")
    folder = tmp_path / "certificates"
    subprocess.run(["openssl", "req", *other], cwd=folder, check=True, capture_output=True)
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path / "certificates"))
    with pytest.raises(LaunchError, match="certificate verify failed"):
        read_engine_id()


@pytest.mark.parametrize("runs", [False, True])
def test_a_project_of_another_folder_is_refused_by_its_label(engine_environment, tmp_path, runs):
    mine, other = tmp_path / "mine/compose.yaml", tmp_path / "other/.qca/compose.yaml"
    labels = {
        "com.docker.compose.project": PROJECT,
        "com.docker.compose.project.config_files": str(other),
    }
    words = [f"--label={key}={value}" for key, value in labels.items()]
    image = engine_environment.images.tiny
    verb = ("run", "--detach") if runs else ("create",)
    container = engine_environment.run(*verb, *words, image, "sleep", "60").stdout.strip()
    try:
        with pytest.raises(LaunchError, match=f"{PROJECT}.* is taken by the stack of {other}"):
            refuse_foreign_project(PROJECT, mine)
        refuse_foreign_project(PROJECT, other)
        refuse_foreign_project(f"{PROJECT}-2", mine)
    finally:
        engine_environment.run("rm", "--force", container)
    refuse_foreign_project(PROJECT, mine)


def test_the_stacks_containers_are_those_of_its_services(engine_environment):
    """Stopped containers count too, but not those of `docker compose run` or of other projects."""

    def create(service: str, project: str = PROJECT, oneoff: str = "False") -> str:
        labels = {"project": project, "service": service, "oneoff": oneoff}
        words = [f"--label=com.docker.compose.{key}={value}" for key, value in labels.items()]
        image = engine_environment.images.tiny
        return engine_environment.run("create", *words, image, "sh", "-c", "exit 3").stdout.strip()

    ids = [create("store"), create("trainer"), create("trainer", oneoff="True")]
    ids.append(create("store", project=f"{PROJECT}-2"))
    try:
        engine_environment.run("start", "--attach", ids[1], check=False)
        found = list_containers(PROJECT)
        assert {name: one.id for name, one in found.items()} == {"store": ids[0], "trainer": ids[1]}
        assert (found["trainer"].status, found["trainer"].exit_code) == ("exited", 3)
        assert [one.state for one in read_service_statuses(PROJECT)] == ["created", "exited"]
    finally:
        engine_environment.run("rm", "--force", *ids)
    assert list_containers(PROJECT) == {}
