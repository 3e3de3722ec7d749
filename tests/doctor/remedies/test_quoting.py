"""Paths are quoted so that bash takes each as one word, and still expands a home folder."""

import subprocess

import pytest

from infra.doctor.remedies.quoting import quote_path


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
