"""Check the statements of docs/watching.md, and run every command on it."""

import json
import re
import shlex
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from qca.cli import cli
from qca.runs.tensorboard import open_writer
from tests.support.pages import DOCS, ROOT, find_blocks, list_commands, read_page
from tests.support.ports import find_free_port
from tests.support.program import Program
from tests.support.run_folders import complete_run, record
from tests.support.training import run, small
from tests.support.waiting import wait_for

COMMANDS = list_commands("watching")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder from which a run was launched, which has finished."""
    for name in ("first", "second"):
        complete_run(tmp_path / "runs" / name)
    (tmp_path / ".qca" / "first" / "logs").mkdir(parents=True)
    (tmp_path / ".qca" / "first" / "logs" / "trainer.log").write_text('{"event":"finished"}\n')
    launch = {"runtime": "local", "project": "qca", "run": "first", "runs": "runs"}
    (tmp_path / ".qca" / "first" / "launch.json").write_text(json.dumps(launch))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_qca_runs(folder):
    commands = [shlex.split(line)[1:] for line in COMMANDS if line.startswith("qca ")]
    assert len(commands) == len(COMMANDS) - 1 == 10
    for words in commands:
        done = CliRunner().invoke(cli, words)
        assert done.exit_code in ((0, 1) if words[0] == "doctor" else (0,)), (words, done.output)
        assert done.output
    for page in ("runs/first/report.html", "first.html", "both.html"):
        assert (folder / page).read_text().startswith("<!DOCTYPE html>")


@pytest.mark.slow
def test_tensorboard_shows_the_run(tmp_path):
    [command] = [line for line in COMMANDS if not line.startswith("qca ")]
    writer = open_writer(tmp_path / "runs" / "first" / "tensorboard", 1)
    writer.write_episode(record(1))
    writer.close()
    port = find_free_port()
    program, *words = shlex.split(command)
    module = [
        sys.executable,
        "-m",
        f"{program}.main",
    ]  # the function that the program `tensorboard` calls
    process = subprocess.Popen([*module, *words, "--port", str(port)], cwd=tmp_path)
    try:
        url = f"http://127.0.0.1:{port}/data/runs"
        assert wait_for(lambda: _fetch_json(url)) == ["first/tensorboard"]
    finally:
        process.terminate()
        process.wait()


def _fetch_json(url: str) -> object:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except OSError:
        time.sleep(0.2)
        return None


def test_the_table_of_the_run_folder_has_every_file_of_a_run(tmp_path):
    run(small(episodes=1), tmp_path / "first")
    table = read_page("watching").split("## The run folder")[1]
    names = [row.split("|")[1] for row in table.splitlines() if row.startswith("| ")]
    listed = {name.strip("`/") for column in names for name in column.strip().split(", ")}
    assert {path.name for path in (tmp_path / "first").iterdir()} <= listed


def test_the_store_is_published_on_the_scrapers_port(tmp_path):
    [settings] = find_blocks("watching", "toml")
    [scraper] = find_blocks("watching", "yaml")
    (tmp_path / "qca.toml").write_text(settings)
    facts = ROOT / "tests" / "hosts" / "cpu-engine.json"
    rendered = Program(tmp_path)("render", "compose", "--facts", facts).stdout
    port = tomllib.loads(settings)["stack"]["store_port"]
    [job] = YAML(typ="safe").load(scraper)["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"127.0.0.1:{port}"]}]
    [published] = YAML(typ="safe").load(rendered)["services"]["store"]["ports"]
    assert published == f"127.0.0.1:{port}:6379"


def test_the_image_exists_and_is_small():
    [name] = re.findall(r"!\[.*?\]\((.*?)\)", read_page("watching"))
    image = (DOCS / name).read_bytes()
    assert image.startswith(b"\x89PNG")
    assert len(image) < 300 * 1024
