"""Every Compose accepts the rendered file, which works without `qca`."""

import shutil
import subprocess
from pathlib import Path

import pytest
import redis
from pytest_docker.plugin import get_docker_services

from infra.stack.image import make_context
from tests.support.ports import find_free_port
from tests.support.program import TINY, Program, environment, write_config
from tests.support.stack import Stack, remove_project
from tests.testbed.fixtures import Engine

REPOSITORY = Path(__file__).parents[2]
COMMITTED = sorted((REPOSITORY / "compose").glob("*.yaml"))

# The variables that the head of the file names; any values work for reading the file.
REQUIRED = {
    "QCA_TRAINER_IMAGE": "qca-trainer",
    "QCA_STORE_FLAGS": "./store.flags",
    "QCA_UID": "1000",
    "QCA_GID": "1000",
    "QCA_RUN_FOLDER": ".",
}


def rendered(folder: Path, variables, **table: object) -> Path:
    """The rendered file of this host's plan."""
    write_config(folder, table)
    Program(folder, variables)("render", "compose", "--runtime", "compose", "-o", "compose.yaml")
    return folder / "compose.yaml"


@pytest.fixture(scope="module")
def file(settings, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    (folder / "store.flags").write_text("--requirepass=example\n")
    return rendered(folder, settings)


def look(engine: Engine, file: Path) -> subprocess.CompletedProcess[str]:
    """Return the output of `docker compose config` for this file, in a folder with nothing else."""
    return subprocess.run(
        ["docker", "compose", "-f", file, "config", "--quiet"],
        cwd=file.parent,
        env=environment(**engine.variables, **REQUIRED),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(params=["engine", "older_engine"])
def any_engine(request: pytest.FixtureRequest) -> Engine:
    return request.getfixturevalue(request.param)


def test_compose_v2_accepts_it_without_a_warning(any_engine, file):
    done = look(any_engine, file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("committed", COMMITTED, ids=lambda path: path.stem)
def test_compose_v2_accepts_the_committed_files_without_a_warning(any_engine, committed):
    done = look(any_engine, committed)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_committed_files_exist():
    names = {path.stem for path in COMMITTED}
    assert {"cpu", "gpu", "low-memory", "seed-laptop"} <= names


@pytest.mark.parametrize("variable", REQUIRED)
def test_a_missing_variable_is_named_with_a_hint(engine, file, variable):
    given = {name: value for name, value in REQUIRED.items() if name != variable}
    done = subprocess.run(
        ["docker", "compose", "-f", file, "config", "--quiet"],
        env=environment(**engine.variables, **given),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert variable in done.stderr
    assert "see the head of this file" in done.stderr


# -- started by pytest-docker: the store, published on a port of this machine ---------------------


@pytest.fixture(scope="module")
def docker_compose_file(settings, tmp_path_factory, unused_tcp_port: int) -> str:
    folder = tmp_path_factory.mktemp("published")
    file = rendered(folder, settings, store_port=unused_tcp_port)
    flags = folder / "store.flags"
    flags.write_text("--requirepass=example\n")
    flags.chmod(0o644)
    values = {**REQUIRED, "QCA_STORE_FLAGS": str(flags), "QCA_UID": "999", "QCA_GID": "999"}
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return str(file)


@pytest.fixture(scope="module")
def unused_tcp_port() -> int:
    return find_free_port()


@pytest.fixture(scope="module")
def docker_setup() -> list[str]:
    return ["up --detach --wait store"]


@pytest.fixture(scope="module")
def docker_services(
    docker_compose_command,
    docker_compose_file,
    docker_compose_project_name,
    docker_setup,
    docker_cleanup,
):
    """Like pytest-docker's own fixture, but for this module; its containers are removed."""
    with get_docker_services(
        docker_compose_command,
        docker_compose_file,
        docker_compose_project_name,
        docker_setup,
        docker_cleanup,
    ) as services:
        yield services


def test_the_store_answers_on_the_published_port(docker_services, unused_tcp_port):
    port = docker_services.port_for("store", 6379)
    assert port == unused_tcp_port
    with redis.Redis(host="127.0.0.1", port=port, password="example") as store:
        docker_services.wait_until_responsive(lambda: answers(store), timeout=30.0, pause=0.2)
        assert store.config_get("maxmemory")["maxmemory"] == str(512 * 1024**2)
    with redis.Redis(host="127.0.0.1", port=port) as stranger, pytest.raises(redis.RedisError):
        stranger.ping()


def answers(store: redis.Redis) -> bool:
    try:
        return bool(store.ping())
    except redis.ConnectionError:
        return False


# -- the commands at its head ---------------------------------------------------------------------


def commands(file: Path) -> list[str]:
    """Return the shell commands of the file's head: build, password, run folder, start."""
    head = [line[2:] for line in file.read_text().splitlines() if line.startswith("# ")]
    text = "\n".join(head).replace("\\\n", " ")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    build = next(line for line in lines if line.startswith("docker build"))
    password = next(line for line in lines if line.startswith("(umask"))
    start = next(line.removeprefix("Then: ") for line in lines if line.startswith("Then: "))
    folder = next("mkdir" + line.split(": mkdir")[1] for line in lines if ": mkdir" in line)
    return [build, password, folder, start]


def test_the_commands_at_its_head_work_as_printed(stack: Stack, settings):
    file = rendered(stack.folder, settings)
    build, password, folder_of_the_run, start = commands(file)
    assert f"--build-arg BASE_IMAGE={stack.engine.images.python} " in build
    project = start.split("-p ")[1].split()[0]
    variables = {**REQUIRED, "QCA_UID": "999", "QCA_GID": "999", "QCA_RUN_FOLDER": "runs/first"}

    def shell(command: str, folder: Path) -> str:
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=environment(**stack.engine.variables, **variables),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    context = checkout(stack.folder / "repository", settings)
    try:
        shell(build, context)
        shell(password, stack.folder)
        shell(folder_of_the_run, stack.folder)
        for path in ("store.flags", "runs/first"):
            shutil.chown(stack.folder / path, 999, 999)
        said = shell(start.replace("THIS_FILE", "compose.yaml"), stack.folder)
        assert f'"reason":"complete","episodes":{TINY["episodes"]}' in said
    finally:
        remove_project(stack.engine, project)
        stack.engine.run("image", "rm", "--force", "qca-trainer")


def checkout(folder: Path, settings) -> Path:
    """A copy of the repository, with the CA bundle that this network may need."""
    folder.mkdir()
    bundle = settings.get("QCA_STACK_CA_BUNDLE")
    make_context(folder, Path(bundle) if bundle else None)
    return folder
