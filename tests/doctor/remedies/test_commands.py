"""Every printed command runs when pasted into bash, and does what its remedy says."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from infra.compose_file.line_edits import apply_edits
from infra.doctor.finding import Remedy
from qca.cli import cli
from qca.core.config import Config
from qca.core.config_loader import load_config
from tests.support.remedy_cases import COMMANDS, EDITS, REMEDIES, Trouble, write

# Shell built-ins need no stand-in; every other program is replaced by one that logs its arguments.
STAND_INS = [
    *("apt-get", "cat", "chmod", "colima", "curl", "docker", "docker-compose", "findmnt", "grep"),
    *("head", "journalctl", "kill", "ln", "ls", "my python", "nvidia-smi", "open", "pip", "ps"),
    *("python", "python3", "qca", "rm", "sg", "sh", "sha256sum", "ssh", "sudo", "systemctl"),
    *("df", "ubuntu-drivers", "usermod"),
]

# These only change the files in their arguments, which are in the test's folder.
REAL = ["env", "mkdir", "mv", "sed"]

# Programs that commands call by their full path, and their stand-ins.
BY_PATH = {
    "/usr/bin/docker-compose": "docker-compose",
    "/usr/bin/python3": "python3",
    "/opt/qca/bin/python": "python3",
    "/opt/my qca/bin/python": "my python",
    ".venv/bin/python": "python3",
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return a folder with a home and a PATH whose programs only log their arguments."""
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


def _name_program(match: re.Match[str]) -> str:
    """Return a program's name for its path on a recorded host, except for qca's own programs."""
    return match[0] if "share/qca" in match[0] else match[1]


def _paste(machine: Path, command: str) -> tuple[subprocess.CompletedProcess[str], str]:
    notes = machine / "notes"
    notes.write_text("")
    command = re.sub(
        r"(?:~|/opt/torch|/usr/local)/\S*bin/(python3?|docker-compose)\b", _name_program, command
    )
    for path, name in BY_PATH.items():
        command = command.replace(path, name)
    done = subprocess.run(
        # Bash's built-in `kill` would ignore the PATH and kill a process on this machine.
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


def test_there_are_commands_to_test():
    assert len(COMMANDS) > 70
    assert len(EDITS) > 8


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_as_it_is_printed(machine: Path, command: str):
    done, _ = _paste(machine, command)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    # An accidental redirection, as in `pip install requests<2.32`, creates a file or fails.
    assert list((machine / "empty").iterdir()) == []


@pytest.mark.parametrize(("trouble", "remedy"), EDITS, ids=range(len(EDITS)))
def test_the_printed_edit_equals_that_of_fix_and_can_be_undone(
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
def test_qca_accepts_the_printed_options(command: str):
    """Test the arguments with the real program, because the stand-in accepts any."""
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
    assert not any("'~" in command for command in COMMANDS)  # bash does not expand a quoted tilde


def test_automatic_remedies_can_be_undone_and_need_no_root():
    automatic = [remedy for remedy in REMEDIES.values() if remedy.automatic]

    assert automatic
    for remedy in automatic:
        assert remedy.undo
        assert not any("sudo" in command for command in remedy.commands)


def test_commands_that_need_root_use_sudo():
    for commands in REMEDIES:
        for command in commands:
            if any(word in command for word in ("systemctl", "usermod", "apt-get", "modprobe")):
                assert re.match(r"(?:(?:echo [^|]* \| |ssh \S+ )?sudo |systemctl --user )", command)


def test_a_started_python_runs_no_module_of_the_current_folder():
    starts = [command for command in COMMANDS if " -m pip " in command or " -m venv " in command]
    assert len(starts) > 5
    unsafe = [one for one in starts if not re.search(r" -[IP] -m |^\(cd / && ", one)]
    assert unsafe == []
