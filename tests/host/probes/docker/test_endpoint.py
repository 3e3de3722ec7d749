"""The engine's address is resolved as by the `docker` program.

Each case was compared with docker 28.2.2; `test_the_address_equals_that_of_the_docker_program`
compares some of them again if `docker` is installed.
"""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.host.facts import NoEngine
from infra.host.probes.docker.endpoint import Endpoint, Tls, resolve_endpoint

DEFAULT = "unix:///var/run/docker.sock"


def store_context(folder: Path, name: str, meta: object, *, tls: bool = False) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    path = folder / "contexts" / "meta" / digest / "meta.json"
    path.parent.mkdir(parents=True)
    path.write_text(meta if isinstance(meta, str) else json.dumps(meta))
    if tls:
        (folder / "contexts" / "tls" / digest / "docker").mkdir(parents=True)


def format_meta(host: str, **more: object) -> dict[str, object]:
    return {"Name": "any", "Endpoints": {"docker": {"Host": host, **more}}}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    docker = tmp_path / ".docker"
    docker.mkdir()
    (docker / "config.json").write_text('{"currentContext": "desktop"}')
    store_context(docker, "desktop", format_meta("unix:///home/ana/.docker/desktop/docker.sock"))
    store_context(docker, "build", format_meta("tcp://build.example:2376"), tls=True)
    store_context(
        docker, "lax", format_meta("tcp://build.example:2376", SkipTLSVerify=True), tls=True
    )
    store_context(docker, "far", format_meta("ssh://ana@far.example"))
    store_context(docker, "empty", format_meta(""))
    store_context(docker, "broken", "{")
    store_context(docker, "list", "[]")
    store_context(docker, "swarm", {"Name": "swarm", "Endpoints": {}})
    return tmp_path


FOUND = {
    "config.json names the context": (
        {},
        "unix:///home/ana/.docker/desktop/docker.sock",
        "desktop",
    ),
    "DOCKER_CONTEXT wins over config.json": (
        {"DOCKER_CONTEXT": "far"},
        "ssh://ana@far.example",
        "far",
    ),
    "DOCKER_HOST wins over both": (
        {"DOCKER_HOST": "unix:///x.sock", "DOCKER_CONTEXT": "far"},
        "unix:///x.sock",
        "default",
    ),
    "an empty DOCKER_HOST counts as unset": (
        {"DOCKER_HOST": "", "DOCKER_CONTEXT": "far"},
        "ssh://ana@far.example",
        "far",
    ),
    "an empty DOCKER_CONTEXT counts as unset": (
        {"DOCKER_CONTEXT": ""},
        "unix:///home/ana/.docker/desktop/docker.sock",
        "desktop",
    ),
    "the default context can be asked for": ({"DOCKER_CONTEXT": "default"}, DEFAULT, "default"),
    "a context without a host means the default socket": (
        {"DOCKER_CONTEXT": "empty"},
        DEFAULT,
        "empty",
    ),
    "without a scheme it is TCP": (
        {"DOCKER_HOST": "localhost:2375"},
        "tcp://localhost:2375",
        "default",
    ),
    "unix:// alone is the default socket": ({"DOCKER_HOST": "unix://"}, DEFAULT, "default"),
    "blanks around it do not matter": (
        {"DOCKER_HOST": " unix:///x.sock "},
        "unix:///x.sock",
        "default",
    ),
    "another folder has no config.json": ({"DOCKER_CONFIG": "/nowhere"}, DEFAULT, "default"),
}


@pytest.mark.parametrize(("environment", "host", "context"), FOUND.values(), ids=FOUND.keys())
def test_the_address_of_the_engine(
    home: Path, environment: dict[str, str], host: str, context: str
) -> None:
    endpoint = resolve_endpoint(environment, home)
    assert isinstance(endpoint, Endpoint)
    assert (endpoint.host, endpoint.context) == (host, context)


REFUSED = {
    "an unknown scheme": ({"DOCKER_HOST": "foo://x"}, "bad-host", "foo:// is not an address"),
    "http is not Docker's word": ({"DOCKER_HOST": "http://127.0.0.1:1"}, "bad-host", "http://"),
    "a port that is none": ({"DOCKER_HOST": "tcp://a:b:c"}, "bad-host", "Port"),
    "a port out of range": ({"DOCKER_HOST": "tcp://a:99999"}, "bad-host", "Port out of range"),
    "half an IPv6 address": ({"DOCKER_HOST": "tcp://[::1:2375"}, "bad-host", "Invalid IPv6"),
    "ssh without a host": ({"DOCKER_HOST": "ssh://"}, "bad-host", "host name"),
    "a context that is not there": ({"DOCKER_CONTEXT": "gone"}, "bad-context", "No such file"),
    "a context that is no JSON": ({"DOCKER_CONTEXT": "broken"}, "bad-context", "is invalid"),
    "a context that is a list": ({"DOCKER_CONTEXT": "list"}, "bad-context", "is invalid"),
    "a context without Docker": ({"DOCKER_CONTEXT": "swarm"}, "bad-context", "is invalid"),
}


@pytest.mark.parametrize(("environment", "state", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_invalid_addresses_are_refused(
    home: Path, environment: dict[str, str], state: str, message: str
) -> None:
    found = resolve_endpoint(environment, home)
    assert isinstance(found, NoEngine)
    assert found.state == state
    assert message in found.detail


@pytest.mark.parametrize("config", ["{bad", "[]", "7", '{"currentContext": 3}', "{}", "[" * 99999])
def test_an_unreadable_config_is_ignored(tmp_path: Path, config: str) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(config)
    assert resolve_endpoint({}, tmp_path) == Endpoint(DEFAULT, "default")


TLS = {
    "none asked for": ({"DOCKER_HOST": "tcp://a"}, None, 2375),
    "an empty variable": ({"DOCKER_HOST": "tcp://a", "DOCKER_TLS_VERIFY": ""}, None, 2375),
    "verified": ({"DOCKER_HOST": "tcp://a", "DOCKER_TLS_VERIFY": "1"}, True, 2376),
    "not verified": ({"DOCKER_HOST": "tcp://a", "DOCKER_TLS": "1"}, False, 2376),
    "a Unix socket needs none": ({"DOCKER_HOST": "unix:///a", "DOCKER_TLS_VERIFY": "1"}, None, 0),
}


@pytest.mark.parametrize(("environment", "verify", "port"), TLS.values(), ids=TLS.keys())
def test_tls_of_the_environment(
    tmp_path: Path, environment: dict[str, str], verify: bool | None, port: int
) -> None:
    (tmp_path / "ca.pem").touch()
    endpoint = resolve_endpoint({**environment, "DOCKER_CERT_PATH": str(tmp_path)}, tmp_path)
    assert isinstance(endpoint, Endpoint)
    assert endpoint.tls == (None if verify is None else Tls(tmp_path, verify))
    if port:
        assert endpoint.address == ("a", port)


@pytest.mark.parametrize("variable", ["DOCKER_TLS", "DOCKER_TLS_VERIFY"])
@pytest.mark.parametrize("address", [{}, {"DOCKER_HOST": "unix:///a"}, {"DOCKER_HOST": "tcp://a"}])
def test_certificates_that_are_missing_stop_docker_at_any_address(
    tmp_path: Path, variable: str, address: dict[str, str]
) -> None:
    """Run with client 28: `open .../ca.pem: no such file` (docker/for-win 4864, minikube 6155)."""
    found = resolve_endpoint({**address, variable: "0"}, tmp_path)

    assert isinstance(found, NoEngine)
    assert (found.state, found.host) == ("bad-host", variable)
    assert "ca.pem" in found.detail


@pytest.mark.parametrize(("context", "verify"), [("build", True), ("lax", False)])
def test_tls_of_a_context(home: Path, context: str, verify: bool) -> None:
    endpoint = resolve_endpoint({"DOCKER_CONTEXT": context}, home)
    assert isinstance(endpoint, Endpoint)
    assert endpoint.tls
    assert endpoint.tls.verify == verify
    assert endpoint.tls.folder.is_dir()


@given(st.text(max_size=40).filter(lambda text: "\0" not in text))
def test_any_docker_host_is_an_address_or_refused(host: str) -> None:
    found = resolve_endpoint({"DOCKER_HOST": host, "DOCKER_CONFIG": "/nowhere"}, Path("/nowhere"))
    if isinstance(found, Endpoint) and found.scheme == "tcp":
        name, port = found.address
        assert name
        assert 0 <= port < 65536


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"DOCKER_HOST": "unix:///no/such.sock"},
        {"DOCKER_HOST": "localhost:1"},
        {"DOCKER_HOST": "unix:///no/such.sock", "DOCKER_CONTEXT": "gone"},
        {"DOCKER_HOST": "foo://x"},
        {"DOCKER_HOST": "http://127.0.0.1:1"},
        {"DOCKER_HOST": "tcp://a:b:c"},
        {"DOCKER_CONTEXT": "gone"},
    ],
    ids=str,
)
def test_the_address_equals_that_of_the_docker_program(
    home: Path, environment: dict[str, str]
) -> None:
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("there is no `docker` program on PATH to compare with")
    found = resolve_endpoint(environment, home)
    outside = {key: text for key, text in os.environ.items() if not key.startswith("DOCKER_")}
    done = subprocess.run(
        [docker, "ps"],
        env={
            **outside,
            "HOME": str(home),
            "DOCKER_CONFIG": str(home / ".docker"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=20,
    )
    if isinstance(found, Endpoint):
        assert f"Cannot connect to the Docker daemon at {found.host}." in done.stderr
    else:
        assert "Cannot connect" not in done.stderr
        assert done.returncode != 0
