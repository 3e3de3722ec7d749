"""Fixtures for tests that need a real Docker Engine; import them into a conftest.py.

    from tests.testbed.fixtures import *  # noqa: F403

`tests/testbed/testbed up` provides the engine, the Compose plugins and the images. If they are
missing, a developer's test run skips the tests with the reason; with CI=true it fails, since a test
run that silently omits its integration tests proves nothing.
"""

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

__all__ = [
    "Engine",
    "Images",
    "compose_v1",
    "docker_compose_command",
    "engine",
    "engine_environment",
    "engine_unchanged",
    "newest_engine",
    "older_engine",
    "unchanged",
]

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qca-testbed"
NEWEST_COMPOSE = "5.6.1.0"
HOW = f"run {HERE / 'testbed'} up"


@dataclass(frozen=True)
class Images:
    """The names of the local images."""

    python: str
    """Debian 12 with Python 3.11 and the trainer's dependencies: BASE_IMAGE of Dockerfile.cuda."""
    store: str
    """The stand-in for Dragonfly."""
    tiny: str
    """Busybox, 2 MB."""


@dataclass(frozen=True)
class Engine:
    """A running engine, and the means to call its client with one of the Compose versions."""

    images: Images
    variables: Mapping[str, str]
    """Variables that the client needs in addition to the test's environment."""
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "environment", {**os.environ, **self.variables})

    @property
    def host(self) -> str:
        """Its address."""
        return self.environment.get("DOCKER_HOST", "unix:///var/run/docker.sock")

    def run(
        self, *arguments: str, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Call `docker ARGUMENTS` and return its output."""
        done = subprocess.run(
            ["docker", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode != 0:
            pytest.fail(
                f"docker {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
            )
        return done

    def inventory(self, project: str | None = None) -> dict[str, set[str]]:
        """Return all containers, networks and volumes by name.

        With a project, those of other projects are omitted, as other tests may use the same engine.
        """
        label = '{{.Label "com.docker.compose.project"}}'
        lists = {
            "containers": ("ps", "-a", "--format", f"{{{{.Names}}}}\t{label}"),
            "networks": ("network", "ls", "--format", f"{{{{.Name}}}}\t{label}"),
            "volumes": ("volume", "ls", "--format", f"{{{{.Name}}}}\t{label}"),
        }
        found: dict[str, set[str]] = {}
        for kind, words in lists.items():
            rows = [line.split("\t") for line in self.run(*words).stdout.splitlines()]
            found[kind] = {name for name, of in rows if not (project and of and of != project)}
        return found


def unavailable(reason: str) -> NoReturn:
    """Skip the test on a developer's machine; fail in CI."""
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(f"CI needs the test bed: {reason}", pytrace=False)
    pytest.skip(reason)


def _settings() -> dict[str, str]:
    """Return the settings that `testbed up` saved; empty if it has never run."""
    try:
        lines = (CACHE / "env").read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines)


def find_engine(config_setting: str) -> Engine:
    """Return the running engine, with the client configuration of this setting."""
    settings = _settings()
    if not settings:
        unavailable(f"the test bed is not set up: {HOW}")
    config = settings.get(config_setting, "")
    images = Images(*(settings[f"TESTBED_{name}_IMAGE"] for name in ("PYTHON", "STORE", "TINY")))
    candidate = Engine(images, {"DOCKER_CONFIG": config} if config else {})
    try:
        answer = candidate.run("image", "inspect", *vars(images).values(), check=False, timeout=20)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        unavailable(f"no Docker engine: {error}: {HOW}")
    if answer.returncode != 0:
        unavailable(f"{answer.stderr.strip()}: {HOW}")
    return candidate


@pytest.fixture(scope="session")
def engine() -> Engine:
    """A real engine with the newest Compose V2 of the test bed."""
    return find_engine("DOCKER_CONFIG")


@pytest.fixture(scope="session")
def older_engine() -> Engine:
    """The same engine with the oldest Compose V2 that the project supports."""
    if not _settings().get("TESTBED_OLDER_DOCKER_CONFIG"):
        unavailable(f"the test bed has no second Compose: {HOW}, on Debian without an engine")
    return find_engine("TESTBED_OLDER_DOCKER_CONFIG")


@pytest.fixture(scope="session")
def newest_engine(engine: Engine) -> Engine:
    """The same engine with Compose 5, which is on PyPI and in no release of Debian."""
    folder = CACHE / "docker-config" / f"compose-{NEWEST_COMPOSE}"
    script = HERE / "compose-pypi.sh"
    done = subprocess.run([script, folder, NEWEST_COMPOSE], capture_output=True, text=True)
    if done.returncode != 0:
        unavailable(f"no Compose {NEWEST_COMPOSE}: {done.stderr.strip()}")
    return Engine(engine.images, {"DOCKER_CONFIG": done.stdout.strip()})


@pytest.fixture
def engine_environment(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The engine, with its variables set for code in this process."""
    for name, value in engine.variables.items():
        monkeypatch.setenv(name, value)
    return engine


@contextmanager
def unchanged(engine: Engine) -> Iterator[None]:
    """Assert that the block leaves the engine unchanged."""
    before = engine.inventory()
    yield
    after = engine.inventory()
    difference = {
        kind: {"left behind": sorted(after[kind] - names), "gone": sorted(names - after[kind])}
        for kind, names in before.items()
        if names != after[kind]
    }
    assert not difference, f"the test changed what is on the engine: {difference}"


@pytest.fixture
def engine_unchanged(engine: Engine) -> Iterator[Engine]:
    """Fails a test that leaves a container, network or volume behind, or removes another's."""
    with unchanged(engine):
        yield engine


@pytest.fixture(scope="session")
def docker_compose_command(engine: Engine) -> str:
    """The shell command of our Compose for pytest-docker, without changing os.environ."""
    settings = " ".join(f"{name}='{value}'" for name, value in engine.variables.items())
    return f"env {settings} docker compose"


@pytest.fixture(scope="session")
def compose_v1() -> Callable[..., Path]:
    """A function that installs docker-compose 1.29.2 with the given library versions and returns
    its path.

    compose_v1(docker="6.1.3", requests="2.31.0", urllib3="1.26.20")
    """

    def make(*, docker: str, requests: str, urllib3: str) -> Path:
        pins = [f"docker=={docker}", f"requests=={requests}", f"urllib3=={urllib3}"]
        script = HERE / "compose-v1.sh"
        key = hashlib.sha256(script.read_bytes() + "".join(pins).encode()).hexdigest()[:16]
        done = subprocess.run(
            [script, CACHE / "compose-v1" / key, *pins], capture_output=True, text=True
        )
        if done.returncode != 0:
            unavailable(f"no Compose V1 with {', '.join(pins)}: {done.stderr.strip()}")
        return Path(done.stdout.strip())

    return make
