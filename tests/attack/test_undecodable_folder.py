"""A working folder whose name is not UTF-8 leads to messages and the usual exit codes."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forks import Forked
from tests.support.program import Program, short_folder, write_config

FACTS = ("--facts", str(Path(__file__).parents[1] / "hosts" / "cpu-engine.json"))


@pytest.fixture
def undecodable(tmp_path: Path) -> Iterator[Program]:
    folder = tmp_path / os.fsdecode(b"caf\xe9 \x1b[31m")
    folder.mkdir()
    write_config(folder)
    (folder / "compose.yaml").write_text("services: {a: {image: redis, env_file: absent.env}}\n")
    with short_folder() as temporary:
        yield Forked(folder, {"TMPDIR": str(temporary)})


WORDS = {
    ("doctor", "--files-only", "compose.yaml"): 1,
    ("doctor", "--files-only", "compose.yaml", "--format=json"): 1,
    ("doctor", "--files-only", "compose.yaml", "--format=sarif"): 1,
    ("doctor", "--record", "host.json"): 0,
    ("plan", *FACTS): 0,
    ("render", "compose", *FACTS, "-o", "out.yaml"): 0,
    ("runs",): 0,
    ("status",): 1,
    ("report", "first"): 2,
    ("rollout", "first"): 2,
}


@pytest.mark.parametrize(("words", "code"), WORDS.items(), ids=lambda one: str(one)[:40])
def test_each_command_exits_as_in_any_folder(undecodable, words, code):
    done = undecodable(*words, check=code)
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stdout + done.stderr


def test_a_local_run_is_launched_inspected_and_taken_down(undecodable):
    undecodable("up", "--runtime=local", "--device=cpu", "--episodes=1")
    status = json.loads(undecodable("status", "--format", "json").stdout)
    assert status["last_episode"]["episode"] == 1
    assert "episode 1 " in undecodable("logs").stdout
    undecodable("down")
    assert not (undecodable.folder / ".qca").exists()


def test_a_launch_with_docker_is_refused(undecodable):
    done = undecodable("up", "--runtime=compose", check=1)
    assert "caf\\xe9 \\x1b[31m: Docker only accepts paths in UTF-8" in done.stderr
    assert "--runtime local" in done.stderr
