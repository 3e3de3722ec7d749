"""An invalid call or file gives exit code 2 and a message with the position, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import Program

CONFIG_READERS = ["doctor", "plan", "render compose", "up", "train", "estimate"]


@pytest.fixture
def configured(qca):
    """A function that calls `qca` with this text or these bytes as its qca.toml."""

    def call(content: str | bytes, *words: object, **options) -> str:
        raw = content if isinstance(content, bytes) else content.encode()
        (qca.folder / "qca.toml").write_bytes(raw)
        done = qca(*words, **{"check": 2, **options})
        assert done.stdout == ""
        return done.stderr

    return call


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--nonsense", "--nonsense"),
        ("frobnicate", "frobnicate"),
        ("up --nonsense", "--nonsense"),
        ("down now", "now"),
        ("logs database", "database"),
        ("logs --tail -1", "--tail"),
        ("status --format xml", "xml"),
        ("status --watch --format json", "--watch cannot be combined"),
        ("report", "RUN"),
        ("report nowhere", "neither runs/nowhere nor nowhere has a config.json"),
        ("doctor --only QCA999", "QCA999"),
        ("doctor --timeout nan", "'nan' is not a number"),
        ("doctor --timeout inf", "--timeout"),
        ("rollout r --noise nan", "'nan' is not a number"),
        ("rollout r --fps nan", "'nan' is not a number"),
        ("explain QCA999", "QCA999"),
        ("render compose --check", "-o FILE"),
        ("render compose --check -o missing.yaml", "missing.yaml"),
        ("plan -c missing.toml", "missing.toml"),
        ("plan -c .", "."),
        ("plan --facts missing.json", "missing.json"),
        ("doctor --facts missing.json", "missing.json"),
        ("doctor -f missing.yaml", "missing.yaml"),
        ("estimate --grid 7", "grid"),
        ("train --store nonsense://x", "--store"),
        ("train --store redis://x --store-flags missing", "missing"),
    ],
)
def test_a_wrong_call_is_reported(qca, words, message):
    done = qca(*words.split(), check=2)
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        *("status NAME", "report NAME", "evaluate NAME", "rollout NAME", "view NAME"),
        *("export NAME -o x.safetensors", "train --runs NAME", "init -o NAME"),
        *("render compose -o NAME", "doctor --record NAME", "doctor -f NAME", "plan -c NAME"),
    ],
)
def test_a_name_that_is_too_long_is_a_wrong_call(qca, words):
    name = "n" * 5000
    done = qca(*words.replace("NAME", name).split(), check=2)
    assert name in done.stderr
    assert "File name too long" in done.stderr
    assert done.stdout == ""


def test_a_deleted_folder_is_reported(tmp_path):
    program = Path(sys.executable).with_name("qca")
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" plan'
    done = subprocess.run(
        ["sh", "-c", script, program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "qca: this folder: No such file or directory\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[train\n", ["qca.toml:1"]),
        ("[train]\n\ngird = 8\n", ["qca.toml:3", "train.gird", "unknown key"]),
        ("[trian]\n", ["qca.toml:1", "trian"]),
        ("grid = 8\n", ["qca.toml:1", "grid", "[train]"]),
        ('[train]\ngrid = "many"\n', ["qca.toml:2", "train.grid", "'many'"]),
        ("[train]\ngrid = 7\n", ["qca.toml:2", "train.grid", "multiple of 4"]),
        ("[train]\nlearning_rate = nan\n", ["qca.toml:2", "train.learning_rate"]),
        ('[stack]\nmaxmemory = "4 Gigs"\n', ["qca.toml:2", "stack.maxmemory", "'4 Gigs'", "4GiB"]),
        ('[stack]\nproject = "Bad Name"\n', ["qca.toml:2", "stack.project"]),
        ('[stack]\nruntime = "podman"\n', ["qca.toml:2", "stack.runtime"]),
        ("[stack]\nstore_port = 65536\n", ["qca.toml:2", "stack.store_port"]),
        (b"[train]\n# \xff\xfe\n", ["qca.toml", "UTF-8"]),
    ],
)
def test_a_wrong_configuration_is_reported_with_file_line_and_key(configured, content, message):
    shown = configured(content, "plan")
    for words in message:
        assert words in shown


@pytest.mark.parametrize("command", CONFIG_READERS)
def test_every_command_that_reads_the_configuration_reports_its_error(configured, command):
    assert "qca.toml:2" in configured("[train]\ngird = 8\n", *command.split())


@pytest.mark.parametrize(
    ("source", "words", "variables"),
    [
        ("--maxmemory", ["--maxmemory", "4 Gigs"], {}),
        ("QCA_STACK_MAXMEMORY", [], {"QCA_STACK_MAXMEMORY": "4 Gigs"}),
    ],
)
def test_a_wrong_size_is_reported_with_its_flag_or_variable(qca, source, words, variables):
    done = qca("plan", *words, check=2, **variables)
    assert f"{source}: '4 Gigs' is not a size" in done.stderr


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"cpu": 3}', ""])
def test_a_file_without_facts_is_reported(qca, content):
    (qca.folder / "facts.json").write_text(content)
    assert "facts.json" in qca("plan", "--facts", "facts.json", check=2).stderr


@pytest.mark.parametrize(
    ("words", "kept", "suggested"),
    [
        ("plan -c inside", "", "inside/qca.toml"),
        ("doctor --files-only -f inside", "", "inside/compose.yaml"),
        ("doctor --files-only -f inside", "docker-compose.yml", "inside/docker-compose.yml"),
    ],
)
def test_a_folder_in_place_of_a_file_is_reported_with_the_file_in_it(qca, words, kept, suggested):
    (qca.folder / "inside").mkdir()
    if kept:
        (qca.folder / "inside" / kept).touch()
    done = qca(*words.split(), check=2)
    assert "inside: a folder, not a plain file" in done.stderr
    assert f"Name a file in the folder, such as {suggested}." in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_configuration_is_reported(configured, qca):
    (qca.folder / "qca.toml").touch(mode=0o000)
    assert "Permission denied" in qca("plan", check=2).stderr


@pytest.mark.parametrize(
    ("command", "status"), [("status", 1), ("logs", 1), ("down", 0), ("down --volumes", 0)]
)
def test_commands_say_if_nothing_was_launched(qca, command, status):
    done = qca(*command.split(), check=status)
    assert "othing was launched" in done.stderr
    assert done.stdout == ""
    assert list(qca.folder.iterdir()) == []


@pytest.mark.parametrize("content", ["{", '{"runtime": "local", "project": 3}'])
@pytest.mark.parametrize("command", ["status", "logs", "down", "up --runtime local"])
def test_an_invalid_state_file_is_reported(qca, command, content):
    state = state_file(qca)
    state.write_text(content)
    assert "launch.json" in qca(*command.split(), check=1).stderr
    assert state.exists()


def state_file(qca: Program) -> Path:
    folder = qca.folder / ".qca" / "first"
    folder.mkdir(parents=True)
    return folder / "launch.json"
