"""Every command that is printed runs when it is pasted into bash, and does what it says."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from infra.compose_file.line_edits import apply_edits
from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Remedy
from infra.doctor.remedies.compose_v1 import CONSTRAINTS
from infra.host.facts import Library
from qca.cli import cli
from qca.core.config import Config
from qca.core.config_loader import load_config
from tests.support.hosts import (
    NO_PLUGIN,
    PLUGIN,
    compose_file,
    compose_v1,
    config,
    engine,
    host,
    one,
    user_installed,
)
from tests.support.remedy_cases import COMPOSE, FINDINGS, FOUND, Trouble, shadowed, write

REMEDIES: dict[tuple[str, ...], Remedy] = {
    remedy.commands: remedy for finding in FINDINGS for remedy in finding.remedies
}
COMMANDS = sorted(
    {
        command
        for remedy in REMEDIES.values()
        for command in (*remedy.commands, *remedy.undo)
        if not remedy.edits
    }
)
EDITS = [
    (trouble, remedy)
    for trouble, found in FOUND
    for finding in found
    for remedy in finding.remedies
    if remedy.edits
]

# Shell built-ins need no stand-in; everything else is replaced by a program that notes its words.
STAND_INS = [
    *("apt-get", "chmod", "curl", "docker", "docker-compose", "head", "journalctl", "kill", "ln"),
    *("ls", "my python", "pip", "ps", "python", "python3", "qca", "rm", "sg", "sh", "sha256sum"),
    *("sudo", "ubuntu-drivers", "usermod"),
]

# These only touch what is named to them, which here is in the test's own folder.
REAL = ["env", "mkdir", "mv", "sed"]

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
    for name in REAL:
        _stand_in(programs / name, body=f'exec {shutil.which(name)} "$@"')
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
    assert len(COMMANDS) > 70
    assert len(EDITS) > 8


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_as_it_is_printed(machine: Path, command: str):
    done, _ = _paste(machine, command)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    # A redirection by a forgotten quote (`pip install requests<2.32`) leaves a file or fails.
    assert list((machine / "empty").iterdir()) == []


@pytest.mark.parametrize(("trouble", "remedy"), EDITS, ids=range(len(EDITS)))
def test_an_edit_is_made_in_bash_as_by_fix_and_taken_back(
    machine: Path, trouble: Trouble, remedy: Remedy, monkeypatch: pytest.MonkeyPatch
):
    folder = machine / "empty"
    monkeypatch.chdir(folder)
    write(trouble, folder)
    apply_edits(remedy.edits)
    made = _texts(folder)
    write(trouble, folder)
    before = _texts(folder)

    for command in remedy.commands:
        done, _ = _paste(machine, command)
        assert (done.returncode, done.stderr) == (0, "")
    after = _texts(folder)
    assert {name: after[name] for name in before} == made
    assert set(after) - set(before) == {f"{edit.file}.bak" for edit in remedy.edits}

    for command in remedy.undo:
        done, _ = _paste(machine, command)
        assert (done.returncode, done.stderr) == (0, "")
    assert _texts(folder) == before


def _texts(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if re.match(r"(\w+=\S* )*qca ", one.split("&& ")[-1])]
)
def test_what_qca_is_told_it_understands(command: str):
    """The stand-in takes any words; the program itself does not."""
    words = shlex.split(command.split("&& ")[-1])
    given = dict(word.split("=", 1) for word in takewhile(lambda word: word != "qca", words))
    name, *rest = words[len(given) + 1 :]

    whole = cli.make_context("qca", [name])
    found = cli.get_command(whole, name)
    assert found is not None
    found.make_context(name, rest, parent=whole)

    load_config(environment=given)
    known = {f"QCA_{table}_{key}".upper() for table, key in _settings()}
    assert {variable for variable in given if variable.startswith("QCA_")} <= known


def _settings() -> Iterator[tuple[str, str]]:
    defaults = Config()
    for table in ("stack", "train"):
        yield from ((table, key) for key in vars(getattr(defaults, table)))


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
    finding = one(host(compose=NO_PLUGIN, docker_compose=shadowed()), "QCA203", stack=COMPOSE)

    commands = [" ; ".join(remedy.commands) for remedy in finding.remedies]

    assert commands[0] == "qca doctor --only QCA201"
    assert "PYTHONNOUSERSITE=1 /usr/bin/docker-compose ps" in commands[1]
    assert "python3 -m venv" in commands[2]
    assert "-m pip install --user" in commands[3]
    assert len(commands) == 4


def test_the_user_site_is_passed_only_where_what_lies_beneath_works():
    nothing_shadowed = compose_v1("5.0.3", "2.32.5", "2.5.0")
    also_broken = shadowed()
    also_broken.libraries["requests"] = user_installed("2.32.5", over="2.32.3")
    only_copy = shadowed()
    only_copy.libraries["requests"] = user_installed("2.32.5")

    for v1 in (nothing_shadowed, also_broken, only_copy):
        finding = one(host(docker_compose=v1), "QCA203")
        commands = [command for remedy in finding.remedies for command in remedy.commands]
        assert not any("PYTHONNOUSERSITE" in command for command in commands)


def test_the_user_site_is_kept_where_v1_itself_lies_there():
    v1 = shadowed(user_only=("compose", "texttable"))

    commands = [c for r in one(host(docker_compose=v1), "QCA203").remedies for c in r.commands]

    assert not any("PYTHONNOUSERSITE" in command for command in commands)


def test_an_environment_of_its_own_is_automatic_only_where_there_is_no_compose_v2():
    for compose, expected in ((NO_PLUGIN, True), (PLUGIN, False)):
        remedies = one(host(compose=compose, docker_compose=shadowed()), "QCA203").remedies
        assert any(remedy.automatic for remedy in remedies) is expected


def test_the_v1_that_qca_set_up_is_what_one_is_sent_to():
    good = compose_v1("6.1.3", "2.31.0", "2.5.0", path="/home/me/.local/share/qca/bin/x y")
    finding = one(
        host(docker_compose=shadowed(beside=good)),
        "QCA203",
        stack=COMPOSE,
    )

    assert finding.severity == "info"
    assert "http+docker" in finding.message
    assert [r.commands for r in finding.remedies] == [("'/home/me/.local/share/qca/bin/x y' ps",)]


def test_one_that_qca_set_up_and_that_broke_since_is_set_up_anew():
    bad = compose_v1("6.1.3", "2.32.5", "2.5.0", path="/home/me/x")
    v1 = shadowed(beside=bad)

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
    finding = one(host(docker_compose=shadowed()), "QCA203")

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
