"""The running containers have only the rights that they need, and show no password.

They are started by root and by an ordinary user, because the password file and the containers' user
differ.
"""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.stack.compose_document import PIDS_LIMIT
from infra.stack.secret import DRAGONFLY_UID
from tests.support.ports import find_free_port
from tests.support.program import ENDLESS, Program, environment, short_folder
from tests.support.stack import Stack, new_stack
from tests.testbed.fixtures import Engine

SERVICES = ["store", "trainer"]

# No machine has a user with this ID.
ORDINARY = 54321


@dataclass(frozen=True)
class Started:
    """A stack that trains, and its user."""

    stack: Stack
    uid: int
    """The user in the containers, who owns the password file."""
    port: int | None
    """The address at which the store is published."""

    def inspect(self, service: str) -> dict[str, Any]:
        return self.stack.inspect(service)


@pytest.fixture(scope="module", params=["root", "an ordinary user"])
def started(
    request: pytest.FixtureRequest, engine: Engine, settings: dict[str, str]
) -> Iterator[Started]:
    with short_folder() as folder, new_stack(engine, folder, settings) as stack:
        uid, port, words = DRAGONFLY_UID, None, []
        if request.param == "an ordinary user":
            stack = as_ordinary(stack)
            uid, port = ORDINARY, find_free_port()
            words = ["--store-port", str(port)]
        elif os.geteuid() != 0:
            pytest.skip("not root")
        with stack.qca.start("up", "--runtime", "compose", *ENDLESS, *words) as up:
            up.wait_for_stderr("episode ")
            yield Started(stack, uid, port)
        stack.qca("down", "--volumes")


def as_ordinary(stack: Stack) -> Stack:
    """The same stack, started by a user who may use the engine but has no other rights."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    group = Path("/var/run/docker.sock").stat().st_gid
    become = [f"--reuid={ORDINARY}", f"--regid={ORDINARY}", f"--groups={group}"]
    # Allows reading the interpreter and the checkout, perhaps in root's home, but no writing.
    read = [f"--{which}-caps=-all,+dac_read_search" for which in ("inh", "ambient")]
    before = ["setpriv", *become, *read]
    config = stack.folder / "docker-config"
    given = stack.engine.variables.get("DOCKER_CONFIG")
    if given:
        shutil.copytree(given, config)
    for path in (stack.folder, *stack.folder.rglob("*")):
        os.chown(path, ORDINARY, ORDINARY)
    variables = {"HOME": str(stack.folder), "DOCKER_CONFIG": str(config)} if given else {}
    program = Program(stack.folder, {**stack.qca.variables, **variables}, before)
    return Stack(stack.engine, stack.folder, stack.project, program, stack.before)


# -- rights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_only_the_rights_that_it_needs(started, service):
    found = started.inspect(service)
    host = found["HostConfig"]
    assert found["Config"]["User"] == f"{started.uid}:{started.uid}"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["Privileged"] is False
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert not host["Devices"]
    assert (host["PidMode"], host["UsernsMode"], host["UTSMode"]) == ("", "", "")
    assert host["IpcMode"] == "private"


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_cannot_exceed_its_rights(started, service):
    inside = started.stack.run_inside
    assert inside(service, "id", "-u").strip() == str(started.uid)
    status = inside(service, "cat", "/proc/1/status")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status  # the engine's own profile
    written = inside(service, "sh", "-c", "touch /etc/mine 2>&1; touch /usr/bin/mine 2>&1; true")
    assert written.count("Read-only file system") == 2


@pytest.mark.parametrize(("service", "part"), [("store", "dragonfly"), ("trainer", "trainer")])
def test_everything_that_grows_is_limited_to_the_plan(started, service, part):
    words = ("plan", "--runtime", "compose", "--format", "json")
    plan = json.loads(started.stack.qca(*words).stdout)
    host = started.inspect(service)["HostConfig"]
    assert host["Memory"] == plan[part]["container_memory_bytes"]
    assert host["PidsLimit"] == PIDS_LIMIT
    assert host["LogConfig"] == {
        "Type": "json-file",
        "Config": {"max-size": "10m", "max-file": "3"},
    }


@pytest.mark.parametrize(
    ("service", "scratch", "mounts"),
    [
        ("store", {"/tmp", "/data"}, {"/run/secrets/store_flags": False}),
        ("trainer", {"/tmp"}, {"/run/secrets/store_flags": False, "/runs/first": True}),
    ],
)
def test_only_the_planned_folders_are_writable(started, service, scratch, mounts):
    found = started.inspect(service)
    tmpfs = found["HostConfig"]["Tmpfs"]
    assert set(tmpfs) == scratch
    assert all("size=64m" in options for options in tmpfs.values())
    assert {mount["Destination"]: mount["RW"] for mount in found["Mounts"]} == mounts


# -- life and death -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "restart", "grace"),
    [("store", ("unless-stopped", 0), 10), ("trainer", ("on-failure", 3), 60)],
)
def test_restart_and_stop_settings_are_applied(started, service, restart, grace):
    found = started.inspect(service)
    policy = found["HostConfig"]["RestartPolicy"]
    assert (policy["Name"], policy["MaximumRetryCount"]) == restart
    assert found["Config"]["StopTimeout"] == grace


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_has_a_version_and_a_health_check(started, service):
    config = started.inspect(service)["Config"]
    name, _, tag = config["Image"].rpartition(":")
    assert name
    assert tag not in ("", "latest")
    assert config["Healthcheck"]["Test"]


# -- network --------------------------------------------------------------------------------------


def test_the_trainer_cannot_reach_the_internet(started):
    [network] = started.inspect("trainer")["NetworkSettings"]["Networks"]
    described = json.loads(started.stack.engine.run("network", "inspect", network).stdout)[0]
    assert described["Internal"] is True
    assert not started.inspect("trainer")["HostConfig"]["PortBindings"]


def test_the_store_is_published_only_on_this_machine_and_on_request(started):
    bindings = started.inspect("store")["HostConfig"]["PortBindings"]
    if started.port is None:
        assert not bindings
        assert len(started.inspect("store")["NetworkSettings"]["Networks"]) == 1
    else:
        assert bindings == {"6379/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(started.port)}]}


# -- the password ---------------------------------------------------------------------------------


def test_only_the_containers_user_can_read_the_password_file(started):
    file = (started.stack.folder / ".qca" / "first" / "store.flags").stat()
    assert (file.st_uid, stat.S_IMODE(file.st_mode)) == (started.uid, 0o400)
    for service in SERVICES:
        seen = started.stack.run_inside(service, "stat", "-c", "%u %a", "/run/secrets/store_flags")
        assert seen.split() == [str(started.uid), "400"]


def test_the_password_appears_nowhere(started):
    stack, password = started.stack, started.stack.password()
    assert len(password) == 64
    for service in SERVICES:
        image = started.inspect(service)["Image"]
        assert password not in json.dumps(started.inspect(service))
        assert password not in stack.engine.run("image", "inspect", image).stdout
        assert password not in stack.engine.run("history", "--no-trunc", image).stdout
        assert password not in stack.run_inside(service, "sh", "-c", "cat /proc/[0-9]*/cmdline")
        assert password not in stack.run_inside(service, "env")
    commands = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
    assert any("qca train" in command for command in commands)
    assert not [command for command in commands if password in command]
    assert password not in stack.qca("logs").stdout
    for name in ("compose.yaml", ".env", "launch.json"):
        assert password not in (stack.folder / ".qca" / "first" / name).read_text()


def test_compose_does_not_print_the_password_either(started):
    done = subprocess.run(
        [
            "docker",
            "compose",
            "-f",
            started.stack.folder / ".qca" / "first" / "compose.yaml",
            "config",
        ],
        env=environment(**started.stack.engine.variables),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "store_flags" in done.stdout
    assert started.stack.password() not in done.stdout


def test_the_store_answers_only_with_the_password(started):
    assert "NOAUTH" in started.stack.run_inside("store", "redis-cli", "ping")
