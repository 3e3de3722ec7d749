"""Results go to stdout, everything else to stderr, and colors only to a terminal."""

import json
import subprocess

import pytest

from tests.support.automata import write_trained_run
from tests.support.program import QCA, Program, environment
from tests.support.terminal import open_terminal

JSON = [
    "doctor --format json",
    "plan --format json",
    "estimate --device cpu --format json",
]


@pytest.mark.parametrize("command", JSON)
def test_json_is_a_single_document_on_stdout(qca, command):
    done = qca(*command.split(), check=None)
    assert json.loads(done.stdout)["schema_version"] == 1


@pytest.mark.parametrize("command", ["doctor", "plan", "estimate --device cpu", "explain QCA301"])
def test_without_a_terminal_the_text_is_plain(qca, command):
    done = qca(*command.split(), check=None)
    assert done.stdout
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variables", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
@pytest.mark.parametrize("command", ["doctor --only QCA301", "plan -c missing.toml"])
def test_a_terminal_gets_color_unless_the_user_declines(tmp_path, command, variables, colored):
    with open_terminal(Program(tmp_path, variables), *command.split()) as terminal:
        shown = terminal.read_to_end()
    assert shown
    assert ("\x1b[3" in shown) is colored


def test_a_closed_pipe_is_not_an_error(qca):
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {QCA} plan | true"],
        cwd=qca.folder,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) in [(0, ""), (141, "")]


@pytest.mark.parametrize(
    "command",
    [
        "doctor --only QCA301 --record new/folder/file.json",
        "init -o new/folder/file.toml",
        "render compose -o new/folder/file.yaml",
        "rollout first --steps 2 -o new/folder/file.html",
        "rollout first --steps 2 -o new/folder/file.safetensors",
        "export first -o new/folder/file.pth",
        "report first -o new/folder/file.html",
    ],
)
def test_the_folder_of_an_output_file_is_created(qca, command):
    write_trained_run(qca.folder / "runs" / "first")
    qca(*command.split(), check=None)
    [file, *_] = sorted((qca.folder / "new" / "folder").iterdir())
    assert file.name == command.rpartition("/")[2]
