"""The remedies for an engine that cannot be reached fit the product that provides it."""

from dataclasses import replace
from typing import Any

import pytest

from infra.host.facts import SystemFacts
from tests.support.hosts import MAC, WSL_SYSTEM, host, no_engine, one
from tests.support.verdicts import COMPOSE, ERROR

ROOTLESS = "unix:///run/user/1000/docker.sock"
DESKTOP = "unix:///home/USER/.docker/desktop/docker.sock"
ON_MAC = "unix:///Users/USER/.docker/run/docker.sock"
COLIMA = "unix:///Users/USER/.colima/default/docker.sock"
PODMAN = "unix:///run/user/1000/podman/podman.sock"
OLD_PORT, SSH = "tcp://localhost:2375", "ssh://user@server"
SYSTEM = "unix:///var/run/docker.sock"


def find_commands(state: str, address: str, system: SystemFacts | None = None) -> list[str]:
    """Return the commands of the remedies, or the title of one without commands."""
    facts: dict[str, Any] = {"docker": replace(no_engine(state), host=address)}
    finding = one(host(**facts, **({"system": system} if system else {})), "QCA101", stack=COMPOSE)
    assert finding.severity is ERROR
    return [
        command for remedy in finding.remedies for command in remedy.commands or (remedy.title,)
    ]


@pytest.mark.parametrize(
    ("address", "system", "first"),
    [
        (SYSTEM, None, "sudo systemctl start docker"),
        (ROOTLESS, None, "systemctl --user start docker"),
        (DESKTOP, None, "systemctl --user start docker-desktop"),
        (PODMAN, None, "systemctl --user start podman.socket"),
        (SYSTEM, MAC, "open -a Docker"),
        (ON_MAC, MAC, "open -a Docker"),
        (COLIMA, MAC, "colima start"),
        (SYSTEM, WSL_SYSTEM, "Start Docker Desktop on Windows, if it provides the engine"),
        (SSH, None, "ssh ssh://user@server sudo systemctl start docker"),
        (OLD_PORT, None, "Start the daemon on that machine, if it is not running"),
    ],
)
def test_a_daemon_is_started_by_the_command_of_its_product(address, system, first):
    """`systemctl` as root starts only the system's daemon (mikeizbicki/cmc-csci143 622)."""
    assert find_commands("not-running", address, system)[0] == first


def test_a_port_without_a_listener_may_come_from_the_environment():
    """Guides for WSL 1 set DOCKER_HOST=tcp://localhost:2375."""
    assert "unset DOCKER_HOST" in find_commands("not-running", OLD_PORT)


@pytest.mark.parametrize(
    ("address", "first"),
    [
        (SYSTEM, 'sudo usermod -aG docker "$USER"'),
        (SSH, "ssh ssh://user@server true"),
        (ROOTLESS, "unset DOCKER_HOST"),
    ],
)
def test_only_the_systems_socket_has_a_group_to_join(address, first):
    assert find_commands("no-permission", address)[0] == first


def test_certificates_open_a_port_with_tls():
    assert "DOCKER_CERT_PATH" in find_commands("no-permission", "tcp://server:2376")[0]


@pytest.mark.parametrize(
    ("address", "restart"),
    [
        (SYSTEM, "sudo systemctl restart docker"),
        (ROOTLESS, "systemctl --user restart docker"),
        (DESKTOP, "systemctl --user restart docker-desktop"),
    ],
)
def test_a_daemon_that_hangs_is_restarted(address, restart):
    assert restart in find_commands("no-answer", address)


def test_nothing_on_this_machine_is_restarted_for_an_engine_elsewhere():
    commands = find_commands("no-answer", SSH)

    assert commands[0] == "qca doctor --timeout 60"
    assert not any("systemctl" in command for command in commands)


@pytest.mark.parametrize(
    ("system", "says", "omits"),
    [
        (MAC, "Install Docker Desktop", "get-docker.sh"),
        (WSL_SYSTEM, "WSL integration", "mac-install"),
    ],
)
def test_docker_is_installed_in_the_way_of_this_system(system, says, omits):
    text = "\n".join(find_commands("not-installed", SYSTEM, system))

    assert says in text
    assert omits not in text


@pytest.mark.parametrize("state", ["not-running", "no-permission", "no-answer"])
def test_an_engine_elsewhere_is_not_called_this_machines(state):
    finding = one(host(docker=replace(no_engine(state), host=SSH)), "QCA101", stack=COMPOSE)

    assert "at the selected address" in finding.message


def test_certificates_that_are_missing_are_left_over_in_the_environment():
    assert find_commands("bad-host", "DOCKER_TLS_VERIFY") == [
        "unset DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_HOST",
        "qca up --runtime local",
    ]
