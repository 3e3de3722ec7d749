"""Identify the kind of a program: a Python script, a shell script, or machine code."""

import re
import shlex
from pathlib import Path, PurePosixPath

from infra.host.errors import ProbeError, describe_error
from qca.core.frozen import frozen_dataclass

# The magic number of the archive that PyInstaller appends to a program, such as the
# `docker-compose` 1.x download (PyInstaller, bootloader/src/pyi_archive.h). A signature may follow
# the archive.
_PYINSTALLER = b"MEI\014\013\012\013\016"
_TAIL = 2**20

_PYTHON = re.compile(r"(python|pypy)[\d.]*")
_SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "ash"}

# pip writes this as the second line if the interpreter's path is too long for the first, or has a
# space: '''exec' "/a path/python3" "$0" "$@"
_TRAMPOLINE = re.compile(r"""^'''exec' ("?)(?P<python>.+?)\1 "\$0" "\$@"$""", re.MULTILINE)

_PLUGIN_CALL = re.compile(r"^\s*(exec\s+)?(\S*/)?docker\s+compose\b", re.MULTILINE)
_OTHER_CALL = re.compile(r"docker\s+(?!compose\b)[a-z-]+|docker-compose\s|curl|wget")


@frozen_dataclass
class PythonScript:
    """A Python script, with the command line of its interpreter."""

    interpreter: tuple[str, ...]


@frozen_dataclass
class ShellScript:
    """A shell script, and whether it only calls `docker compose`."""

    calls_plugin: bool


@frozen_dataclass
class Binary:
    """Machine code, possibly packed from Python by PyInstaller."""

    pyinstaller: bool


def identify_launcher(path: Path) -> PythonScript | ShellScript | Binary:
    """Return the kind of the program at `path`.

    Raises:
        ProbeError: the file cannot be read, or is another kind of script.

    """
    start, tail = _read_ends(path)
    if not start.startswith(b"#!"):
        return Binary(pyinstaller=_PYINSTALLER in tail)
    text = start.decode(errors="replace")
    words = _split_shebang(text.splitlines()[0])
    names = [PurePosixPath(word).name for word in words]
    if any(_PYTHON.fullmatch(name) for name in names):
        return PythonScript(words)
    if not _SHELLS.intersection(names):
        raise ProbeError(f"{path} is a script for {' '.join(words) or 'no interpreter'}")
    if match := _TRAMPOLINE.search(text):
        return PythonScript((match["python"],))
    return ShellScript(
        bool(_PLUGIN_CALL.search(text)) and not _OTHER_CALL.search(_drop_comments(text))
    )


def _read_ends(path: Path) -> tuple[bytes, bytes]:
    try:
        with path.open("rb") as file:
            start = file.read(2**16)
            file.seek(max(0, path.stat().st_size - _TAIL))
            return start, file.read(_TAIL)
    except OSError as error:
        raise ProbeError(f"{path} could not be read: {describe_error(error)}") from None


def _split_shebang(line: str) -> tuple[str, ...]:
    """Split a `#!` line as the kernel does: the program, and the rest as one argument.

    `env -S` splits that argument itself. The words are passed on unchanged, so that options such as
    Fedora's `-s` (no user site) apply.
    """
    program, _, argument = line[2:].strip().partition(" ")
    argument = argument.strip()
    if PurePosixPath(program).name == "env" and argument.startswith("-S"):
        try:
            return (program, *shlex.split(argument.removeprefix("-S")))
        except ValueError:
            return (program, argument)
    return (program, argument) if argument else (program,)


def _drop_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
