"""The remedies for a failing Compose V1 are in order and fit the installation."""

from typing import Any

import pytest

from infra.doctor.remedies.compose_v1 import CONSTRAINTS
from infra.host.facts import Library
from tests.support.hosts import NO_PLUGIN, PLUGIN, compose_v1, host, one, user_installed
from tests.support.remedy_cases import COMPOSE, make_shadowed_v1


def test_the_least_invasive_remedy_is_first():
    finding = one(
        host(compose=NO_PLUGIN, docker_compose=make_shadowed_v1()), "QCA203", stack=COMPOSE
    )

    commands = [" ; ".join(remedy.commands) for remedy in finding.remedies]

    assert commands[0] == "qca doctor --only QCA201"
    assert "PYTHONNOUSERSITE=1 /usr/bin/docker-compose ps" in commands[1]
    assert "python3 -I -m venv" in commands[2]
    assert "-m pip install --user" in commands[3]
    assert len(commands) == 4


def test_the_user_site_is_ignored_only_if_the_original_libraries_work():
    nothing_shadowed = compose_v1("5.0.3", "2.32.5", "2.5.0")
    also_broken = make_shadowed_v1()
    also_broken.libraries["requests"] = user_installed("2.32.5", over="2.32.3")
    only_copy = make_shadowed_v1()
    only_copy.libraries["requests"] = user_installed("2.32.5")

    for v1 in (nothing_shadowed, also_broken, only_copy):
        finding = one(host(docker_compose=v1), "QCA203")
        commands = [command for remedy in finding.remedies for command in remedy.commands]
        assert not any("PYTHONNOUSERSITE" in command for command in commands)


def test_the_user_site_is_kept_if_v1_is_in_it():
    v1 = make_shadowed_v1(user_only=("compose", "texttable"))

    commands = [c for r in one(host(docker_compose=v1), "QCA203").remedies for c in r.commands]

    assert not any("PYTHONNOUSERSITE" in command for command in commands)


def test_an_own_environment_is_automatic_only_without_compose_v2():
    for compose, expected in ((NO_PLUGIN, True), (PLUGIN, False)):
        remedies = one(host(compose=compose, docker_compose=make_shadowed_v1()), "QCA203").remedies
        assert any(remedy.automatic for remedy in remedies) is expected


def test_the_v1_that_qca_installed_is_recommended():
    good = compose_v1("6.1.3", "2.31.0", "2.5.0", path="/home/me/.local/share/qca/bin/x y")
    finding = one(
        host(docker_compose=make_shadowed_v1(beside=good)),
        "QCA203",
        stack=COMPOSE,
    )

    assert finding.severity == "info"
    assert "http+docker" in finding.message
    assert [r.commands for r in finding.remedies] == [("'/home/me/.local/share/qca/bin/x y' ps",)]


def test_a_broken_v1_that_qca_installed_is_reinstalled():
    bad = compose_v1("6.1.3", "2.32.5", "2.5.0", path="/home/me/x")
    v1 = make_shadowed_v1(beside=bad)

    assert (
        one(host(compose=NO_PLUGIN, docker_compose=v1), "QCA203", stack=COMPOSE).severity == "error"
    )


def test_libraries_from_pythonpath_are_ignored_too():
    v1 = compose_v1("5.0.3", "2.28.1", "1.26.12")
    v1.libraries["requests"] = Library(
        version="2.32.5",
        location="/srv/libs",
        user_site=False,
        pythonpath=True,
        shadows=(v1.libraries["requests"],),
    )

    commands = [c for r in one(host(docker_compose=v1), "QCA203").remedies for c in r.commands]

    assert "env -u PYTHONPATH /usr/bin/docker-compose ps" in commands


def test_a_downgrade_names_exactly_what_it_would_break():
    finding = one(host(docker_compose=make_shadowed_v1()), "QCA203")

    downgrade = finding.remedies[-1]

    assert "jupyterlab-server 2.27 (requires requests>=2.32)" in downgrade.breaks
    assert "other" not in downgrade.breaks.replace("every other program", "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "pip install --user '"),
        ({"virtual_environment": True}, "pip install '"),
        ({"externally_managed": True}, "pip install --user --break-system-packages '"),
    ],
)
def test_a_downgrade_fits_the_kind_of_interpreter(changes, words):
    v1 = compose_v1("5.0.3", "2.32.5", "2.5.0", **changes)

    assert words in one(host(docker_compose=v1), "QCA203").remedies[-1].commands[0]


def test_the_constraints_are_shipped_and_work_by_the_rules():
    text = CONSTRAINTS.read_text()

    assert "docker>=6.1,<7\n" in text
    assert "requests<2.32\n" in text


def _list_commands(**changes: Any) -> list[str]:
    facts = compose_v1("6.1.3", "2.31.0", "1.26.20", **changes)
    remedies = one(host(docker_compose=facts, compose=NO_PLUGIN), "QCA203").remedies
    return [command for remedy in remedies for command in remedy.commands]


def test_an_environment_is_offered_with_a_suitable_python():
    missing = ("pipes", "distutils")

    commands = _list_commands(
        python_version="3.13.0", missing_modules=missing, environment_python="/opt/py/bin/python3.9"
    )

    assert "/opt/py/bin/python3.9 -I -m venv ~/.local/share/qca/compose-v1" in commands
    assert not [one for one in commands if "/usr/bin/python3 " in one]


@pytest.mark.parametrize("found", ["", None])
def test_no_environment_is_offered_without_a_suitable_python(found):
    commands = _list_commands(
        python_version="3.13.0", missing_modules=("pipes",), environment_python=found
    )

    assert commands == ["qca doctor --only QCA201"]


def test_a_missing_module_is_installed_by_the_name_of_its_distribution():
    commands = _list_commands(missing_modules=("dotenv", "texttable"))

    assert (
        "(cd / && /usr/bin/python3 -m pip install --user 'python-dotenv<1' texttable)" in commands
    )


def test_nothing_is_changed_in_place_if_no_library_is_at_fault():
    commands = _list_commands(missing_modules=("pipes",))

    assert not [one for one in commands if "-m pip" in one]
