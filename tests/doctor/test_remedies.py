"""Every command that is printed runs when it is pasted into bash, and does what it says."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.doctor.check import Finding, Remedy
from infra.doctor.compose_v1_remedies import CONSTRAINTS
from infra.doctor.examine import examine
from infra.host.facts import (
    HostFacts,
    Library,
    LibraryUser,
    Listener,
    NoGpuDriver,
    StandaloneCompose,
)
from infra.host.record import load
from qca.units import MIB
from tests.doctor.builders import (
    NO_PLUGIN,
    PLUGIN,
    PYTHON,
    compose_file,
    compose_v1,
    config,
    disk,
    driver,
    engine,
    gpu,
    host,
    no_engine,
    one,
    process,
    seeds_laptop,
    user_installed,
)

ENGINES = ("not-installed", "not-running", "no-permission", "bad-host", "bad-context", "no-answer")
DRIVERS = ("no-device", "no-driver", "not-loaded", "no-permission", "version-mismatch")
COMPOSE = {"runtime": "compose"}
HOSTS = sorted((Path(__file__).parents[1] / "hosts").glob("*.json"))


def _shadowed() -> Any:
    v1 = compose_v1(
        "5.0.3",
        "2.28.1",
        "1.26.12",
        users=(
            LibraryUser(
                distribution="jupyterlab-server", version="2.27", requirement="requests>=2.32"
            ),
            LibraryUser(distribution="other", version="1.0", requirement="requests>=2.31"),
        ),
        user_site="/home/USER/.local/lib/python3.11/site-packages",
    )
    v1.libraries["requests"] = user_installed("2.32.5", over="2.28.1")
    v1.libraries["urllib3"] = user_installed("2.5.0", over="1.26.12")
    return v1


def _trouble() -> list[tuple[HostFacts, dict[str, Any], dict[str, Any]]]:
    """Hosts that between them call for every remedy there is."""
    odd = replace(PYTHON, executable="/opt/my qca/bin/python", distributions={})
    return [
        *((host(docker=no_engine(state)), COMPOSE, {}) for state in ENGINES),
        *((host(gpu=NoGpuDriver(state=s, detail="x")), {}, {"device": "cuda"}) for s in DRIVERS),
        (host(docker=no_engine("no-permission", group_member=True)), COMPOSE, {}),
        (host(docker=no_engine("not-running", other_sockets=("unix:///run/a b.sock",))), {}, {}),
        (host(compose=NO_PLUGIN), COMPOSE, {}),
        (
            host(
                compose=NO_PLUGIN,
                docker_compose=StandaloneCompose(path="/opt/a b/docker-compose", version="5.0.0"),
            ),
            COMPOSE,
            {},
        ),
        (seeds_laptop(), {**COMPOSE, "maxmemory": "2GiB", "proactor_threads": 16}, {}),
        (host(compose=NO_PLUGIN, docker_compose=_shadowed()), COMPOSE, {}),
        (host(docker_compose=compose_v1("7.1.0", "2.32.5", "2.5.0")), {}, {}),
        (host(), {"maxmemory": "15GiB"}, {}),
        (host(gpu=driver(gpu(), toolkit=None)), {}, {"device": "cuda"}),
        (
            host(gpu=driver(gpu(memory_free=MIB, processes=(process("a; b"),)))),
            {},
            {"device": "cuda", "recompute": "none", "batch_size": 4},
        ),
        (host(gpu=driver(gpu(compute_capability=(6, 1)), driver_version="500.1")), {}, {}),
        (host(gpu=driver(gpu(), visible_devices="")), {"runtime": "local"}, {"device": "cuda"}),
        (host(gpu=driver(gpu())), {"gpus": 2}, {}),
        (host(python=odd, gpu=driver(gpu())), {"runtime": "local"}, {}),
        (host(gpu=driver(gpu())), {"runtime": "local"}, {"device": "cuda"}),
        (
            host(python=replace(odd, externally_managed=True)),
            {"runtime": "local"},
            {},
        ),
        (
            host(listeners=(Listener(address="::", port=6379, pid=8, process="redis server"),)),
            {"store_port": 6379},
            {},
        ),
        (
            host(listeners=(Listener(address="::", port=6379, pid=None, process=None),)),
            {"store_port": 6379},
            {},
        ),
        (host(disks=(disk("docker", MIB), disk("work", MIB))), {}, {}),
        *((load(path), COMPOSE, {"device": "cuda"}) for path in HOSTS),
        *((load(path), {"runtime": "local"}, {"device": "cuda"}) for path in HOSTS),
    ]


FINDINGS: list[Finding] = [
    finding
    for facts, stack, train in _trouble()
    for finding in examine(facts, config(stack, train))
    if finding.remedies
]
REMEDIES: dict[tuple[str, ...], Remedy] = {
    remedy.commands: remedy for finding in FINDINGS for remedy in finding.remedies
}
COMMANDS = sorted({command for commands in REMEDIES for command in commands})

# Shell built-ins need no stand-in; everything else is replaced by a program that notes its words.
STAND_INS = [
    *("apt-get", "chmod", "curl", "docker", "docker-compose", "head", "journalctl", "kill", "ln"),
    *("ls", "mkdir", "mv", "my python", "pip", "ps", "python", "python3", "qca", "rm", "sg", "sh"),
    *("sha256sum", "sudo", "ubuntu-drivers", "usermod"),
]

# Programs that are named by their full path, and the stand-ins for them.
BY_PATH = {
    "/usr/bin/docker-compose": "docker-compose",
    "/usr/bin/python3": "python3",
    "/opt/qca/bin/python": "python3",
    "/opt/my qca/bin/python": "my python",
    ".venv/bin/python": "python3",
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A home folder and a PATH on which no command does anything but note its arguments."""
    programs = tmp_path / "bin"
    programs.mkdir()
    _stand_in(programs / "env", body='exec /usr/bin/env "$@"')
    for name in STAND_INS:
        _stand_in(programs / name)
    plugins = tmp_path / "home" / ".docker" / "cli-plugins"
    plugins.mkdir(parents=True)
    for program in ("bin/pip", "bin/docker-compose"):
        place = tmp_path / "home/.local/share/qca/compose-v1" / program
        place.parent.mkdir(parents=True, exist_ok=True)
        _stand_in(place)
    (tmp_path / "empty").mkdir()
    return tmp_path


def _stand_in(place: Path, body: str = ":") -> None:
    place.write_text(f'#!/bin/bash\nprintf "%s\\n" "$0 $*" >> "$NOTES"\n{body}\n')
    place.chmod(0o755)


def _by_name(match: re.Match[str]) -> str:
    """Name a program of a recorded host's home folder; qca's own are there by their paths."""
    return match[0] if "share/qca" in match[0] else match[1]


def _paste(machine: Path, command: str) -> tuple[subprocess.CompletedProcess[str], str]:
    notes = machine / "notes"
    notes.write_text("")
    command = re.sub(
        r"(?:~|/opt/torch|/usr/local)/\S*bin/(python3?|docker-compose)\b", _by_name, command
    )
    for path, name in BY_PATH.items():
        command = command.replace(path, name)
    done = subprocess.run(
        # Bash's own `kill` would not ask the PATH, and end a process of this machine.
        ["/bin/bash", "--noprofile", "--norc", "-c", f"enable -n kill\n{command}"],
        cwd=machine / "empty",
        env={
            "PATH": str(machine / "bin"),
            "HOME": str(machine / "home"),
            "USER": "somebody",
            "NOTES": str(notes),
        },
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done, notes.read_text()


def test_there_are_commands_to_try():
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_as_it_is_printed(machine: Path, command: str):
    done, _ = _paste(machine, command)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    # A redirection by a forgotten quote (`pip install requests<2.32`) leaves a file or fails.
    assert list((machine / "empty").iterdir()) == []


def test_requirements_reach_pip_in_one_piece(machine: Path):
    commands = [c for c in COMMANDS if "pip install" in c and "docker>=" in c]

    assert commands
    for command in commands:
        _, noted = _paste(machine, command)
        assert "docker>=6.1,<7" in noted


def test_odd_paths_are_quoted():
    assert any("'/opt/a b/docker-compose'" in command for command in COMMANDS)
    assert any("'unix:///run/a b.sock'" in command for command in COMMANDS)
    assert any("'/opt/my qca/bin/python'" in command for command in COMMANDS)
    assert not any("'~" in command for command in COMMANDS)  # bash would not fill it in


def test_what_is_automatic_can_be_taken_back_and_needs_no_root():
    automatic = [remedy for remedy in REMEDIES.values() if remedy.automatic]

    assert automatic
    for remedy in automatic:
        assert remedy.undo
        assert not any("sudo" in command for command in remedy.commands)


def test_what_needs_root_says_so_by_sudo():
    for commands in REMEDIES:
        for command in commands:
            if any(word in command for word in ("systemctl", "usermod", "apt-get", "modprobe")):
                assert command.startswith("sudo ")


def test_compose_v1_remedies_come_least_invasive_first():
    finding = one(host(compose=NO_PLUGIN, docker_compose=_shadowed()), "QCA203", stack=COMPOSE)

    commands = [" ; ".join(remedy.commands) for remedy in finding.remedies]

    assert commands[0] == "qca doctor --only QCA201"
    assert "PYTHONNOUSERSITE=1 /usr/bin/docker-compose ps" in commands[1]
    assert "python3 -m venv" in commands[2]
    assert "-m pip install --user" in commands[3]
    assert len(commands) == 4


def test_the_user_site_is_passed_only_where_what_lies_beneath_works():
    nothing_shadowed = compose_v1("5.0.3", "2.32.5", "2.5.0")
    also_broken = _shadowed()
    also_broken.libraries["requests"] = user_installed("2.32.5", over="2.32.3")
    only_copy = _shadowed()
    only_copy.libraries["requests"] = user_installed("2.32.5")

    for v1 in (nothing_shadowed, also_broken, only_copy):
        finding = one(host(docker_compose=v1), "QCA203")
        commands = [command for remedy in finding.remedies for command in remedy.commands]
        assert not any("PYTHONNOUSERSITE" in command for command in commands)


def test_the_user_site_is_kept_where_v1_itself_lies_there():
    v1 = replace(_shadowed(), user_only=("compose", "texttable"))

    commands = [c for r in one(host(docker_compose=v1), "QCA203").remedies for c in r.commands]

    assert not any("PYTHONNOUSERSITE" in command for command in commands)


def test_an_environment_of_its_own_is_automatic_only_where_there_is_no_compose_v2():
    for compose, expected in ((NO_PLUGIN, True), (PLUGIN, False)):
        remedies = one(host(compose=compose, docker_compose=_shadowed()), "QCA203").remedies
        assert any(remedy.automatic for remedy in remedies) is expected


def test_the_v1_that_qca_set_up_is_what_one_is_sent_to():
    good = compose_v1("6.1.3", "2.31.0", "2.5.0", path="/home/me/.local/share/qca/bin/x y")
    finding = one(
        host(docker_compose=replace(_shadowed(), beside=good)),
        "QCA203",
        stack=COMPOSE,
    )

    assert finding.severity == "info"
    assert "http+docker" in finding.message
    assert [r.commands for r in finding.remedies] == [("'/home/me/.local/share/qca/bin/x y' ps",)]


def test_one_that_qca_set_up_and_that_broke_since_is_set_up_anew():
    bad = compose_v1("6.1.3", "2.32.5", "2.5.0", path="/home/me/x")
    v1 = replace(_shadowed(), beside=bad)

    assert (
        one(host(compose=NO_PLUGIN, docker_compose=v1), "QCA203", stack=COMPOSE).severity == "error"
    )


def test_a_shadow_from_pythonpath_is_left_out_too():
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


def test_a_downgrade_names_what_it_would_break_and_only_that():
    finding = one(host(docker_compose=_shadowed()), "QCA203")

    downgrade = finding.remedies[-1]

    assert "jupyterlab-server 2.27 (wants requests>=2.32)" in downgrade.breaks
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


def test_a_file_is_mended_on_its_line_and_only_there(tmp_path: Path):
    text = (
        "# mine\nservices:\n  cache:\n    image: dragonflydb/dragonfly\n    command:\n"
        "      - dragonfly\n      - --maxmemory=2G  # keep\n      - --proactor_threads=16\n"
    )
    file = compose_file(tmp_path, text)
    finding = one_in_file(file)

    subprocess.run(["bash", "-c", finding.remedies[0].commands[0]], check=True)

    changed = Path(file.path).read_text()
    assert changed == text.replace("--proactor_threads=16", "--proactor_threads=8")
    subprocess.run(["bash", "-c", finding.remedies[0].undo[0]], check=True)
    assert Path(file.path).read_text() == text


def one_in_file(file: Any) -> Finding:
    findings = examine(host(docker=engine(cpus=16)), config(), files=[file])
    (finding,) = [f for f in findings if f.id == "QCA301" and f.location]
    return finding
