"""The launcher of a program is identified by its bytes."""

from pathlib import Path

import pytest

from infra.host.errors import ProbeError
from infra.host.probes.docker_compose.launcher import (
    Binary,
    PythonScript,
    ShellScript,
    identify_launcher,
)

PIP_LONG = "#!/bin/sh\n'''exec' \"/a b/bin/python3\" \"$0\" \"$@\"\n' '''\nimport sys\n"
PIP_LONG_PLAIN = "#!/bin/sh\n'''exec' /very/long/bin/python3.11 \"$0\" \"$@\"\n' '''\n"
PYENV = '#!/usr/bin/env bash\nset -e\nexec "/home/ana/.pyenv/libexec/pyenv" exec "$program" "$@"\n'
IN_A_CONTAINER = '#!/bin/sh\nexec docker run --rm docker/compose:1.29.2 "$@"\n'

KINDS = {
    "Debian's": ("#!/usr/bin/python3\n", PythonScript(("/usr/bin/python3",))),
    "Fedora's keeps its option": (
        "#! /usr/bin/python3 -s\n",
        PythonScript(("/usr/bin/python3", "-s")),
    ),
    "found by env": ("#!/usr/bin/env python3\n", PythonScript(("/usr/bin/env", "python3"))),
    "found by env, with options": (
        "#!/usr/bin/env -S python3 -E -s\n",
        PythonScript(("/usr/bin/env", "python3", "-E", "-s")),
    ),
    "a virtual environment's": ("#!/opt/c/bin/python\n", PythonScript(("/opt/c/bin/python",))),
    "Python 2.7": ("#!/usr/bin/python2.7\n", PythonScript(("/usr/bin/python2.7",))),
    "PyPy": ("#!/usr/bin/pypy3\n", PythonScript(("/usr/bin/pypy3",))),
    "pip's, for a path with a space": (PIP_LONG, PythonScript(("/a b/bin/python3",))),
    "pip's, for a long path": (PIP_LONG_PLAIN, PythonScript(("/very/long/bin/python3.11",))),
    "a wrapper of the plugin": (
        '#!/bin/sh\nexec docker compose "$@"\n',
        ShellScript(calls_plugin=True),
    ),
    "the same with a comment about it": (
        '#!/bin/bash\n# stands in for docker-compose 1.x\n/usr/bin/docker compose "$@"\n',
        ShellScript(calls_plugin=True),
    ),
    "a shim of pyenv": (PYENV, ShellScript(calls_plugin=False)),
    "a wrapper that starts a container": (IN_A_CONTAINER, ShellScript(calls_plugin=False)),
    "a wrapper that does more": (
        '#!/bin/sh\ndocker pull x\ndocker compose "$@"\n',
        ShellScript(calls_plugin=False),
    ),
    "machine code": (b"\x7fELF\x02\xff Go buildinf:", Binary(pyinstaller=False)),
    "PyInstaller's": (b"\x7fELF\x02" + b"MEI\014\013\012\013\016" + b"\0" * 80, Binary(True)),
    "an empty file": ("", Binary(pyinstaller=False)),
}


@pytest.mark.parametrize(("content", "kind"), KINDS.values(), ids=KINDS.keys())
def test_the_kind_of_a_launcher(
    tmp_path: Path, content: str | bytes, kind: PythonScript | ShellScript | Binary
) -> None:
    program = tmp_path / "docker-compose"
    program.write_bytes(content.encode() if isinstance(content, str) else content)
    assert identify_launcher(program) == kind


@pytest.mark.parametrize("line", ["#!/usr/bin/perl\n", "#!\n", "#! \nx", "#!/usr/bin/env\n"])
def test_another_interpreter_is_not_guessed(tmp_path: Path, line: str) -> None:
    (tmp_path / "docker-compose").write_text(line)
    with pytest.raises(ProbeError, match="is a script for"):
        identify_launcher(tmp_path / "docker-compose")


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="could not be read"):
        identify_launcher(tmp_path)
