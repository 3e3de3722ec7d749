"""Paths are quoted so that bash reads each as one word and still expands the home folder."""

import os
import subprocess

import pytest

from infra.doctor.remedies.quoting import quote_path, quote_word
from qca.core.visible import escape_invisible


@pytest.mark.parametrize(
    ("path", "expanded"),
    [
        ("/usr/bin/python3", "/usr/bin/python3"),
        ("/opt/a b/it's; rm -rf $HOME", "/opt/a b/it's; rm -rf $HOME"),
        ("~/.local/bin/pip", "/home/me/.local/bin/pip"),
        ("~/my programs/$(pip)", "/home/me/my programs/$(pip)"),
        ("./~/x", "./~/x"),
    ],
)
def test_bash_reads_the_path_as_one_word(path, expanded):
    command = f"printf '%s|' {quote_path(path)}"

    printed = subprocess.run(
        ["/bin/bash", "-c", command], env={"HOME": "/home/me"}, capture_output=True, text=True
    )

    assert printed.stdout == f"{expanded}|"


NAMES = {
    "ordinary": "compose.yaml",
    "a space and quotes": 'my "file" isn\'t.yml',
    "a dash in front": "-e.yml",
    "a newline": "a\nb.yml",
    "ESC and a digit": "a\x1b1b.yml",
    "the direction of writing": "a\u202eb.yml",
    "no UTF-8": os.fsdecode(b"a\xff\\'b.yml"),
    "a dollar and backquotes": "$(reboot)`reboot`.yml",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_path_reaches_the_program_as_it_is(name):
    shown = escape_invisible(quote_path(name))
    assert "\n" not in shown
    done = subprocess.run(["bash", "-c", f"printf %s {shown}"], capture_output=True, check=True)
    assert done.stdout.removeprefix(b"./") == os.fsencode(name)
    assert not done.stdout.startswith(b"-")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_word_reaches_the_program_as_it_is(name):
    command = f"printf %s\\\\n {quote_word(name)}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert done.stdout == os.fsencode(name) + b"\n"
