"""Run every command of docs/kubernetes.md, in order.

`qca` and `openssl` are real, but there is no cluster and no registry: the calls of their clients
are recorded, and their arguments are compared with the rendered file.
"""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from qca.store.client import read_password
from tests.support.pages import find_blocks
from tests.support.program import QCA, environment

BLOCKS = find_blocks("kubernetes", "sh")

# A program that records its arguments and its input.
CLIENT = """#!/bin/sh
echo "$(basename "$0") $@" >> called
case "$*" in *=/dev/stdin) cat > stdin;; esac
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all commands of the page were run."""
    tmp_path = tmp_path_factory.mktemp("page")
    clients = tmp_path / "bin"
    clients.mkdir()
    for name in ("kubectl", "docker"):
        (clients / name).write_text(CLIENT)
        (clients / name).chmod(0o755)
    path = f"{clients}:{QCA.parent}:{os.environ['PATH']}"
    for block in BLOCKS:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path,
            env=environment(PATH=path),
            capture_output=True,
            text=True,
        )
        # The doctor exits with 1 if it finds a problem, and this machine is not a node.
        allowed = (0, 1) if block.startswith("qca doctor") else (0,)
        assert done.returncode in allowed, (block, done.stderr)
    return tmp_path


def test_every_command_runs_and_matches_the_file(ran):
    objects = list(YAML(typ="safe").load_all((ran / "qca.yaml").read_text()))
    names = {(one["kind"].lower(), one["metadata"]["name"]) for one in objects}
    calls = [shlex.split(line) for line in (ran / "called").read_text().splitlines()]
    resources = [word for call in calls for word in call if "/" in word and word[0].isalpha()]
    shown = {tuple(word.split("/")) for word in resources if word.count("/") == 1}
    assert {("job", "qca-trainer"), ("service", "qca-store")} <= shown & names
    selected = {word for call in calls if "-l" in call for word in call[call.index("-l") + 1 :]}
    labels = {f"{k}={v}" for one in objects for k, v in one["metadata"]["labels"].items()}
    assert selected <= labels
    kinds = next(call[2] for call in calls if call[:2] == ["kubectl", "delete"] and "-l" in call)
    # Following the page must not delete the runs.
    assert {kind for kind, _ in names} - set(kinds.split(",")) == {"persistentvolumeclaim"}


def test_no_command_line_contains_the_password(ran):
    password = read_password(ran / "stdin")
    assert len(password) == 64
    assert password not in (ran / "called").read_text()
