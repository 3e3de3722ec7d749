"""The pages for newcomers: every command on them is run, and prints what the page says.

A block of output stands behind the block of commands that printed it; `...` in it stands for
anything. What cannot be run by a test is in `NOT_RUN`, with the reason, and its words are
parsed.
"""

import doctest
import itertools
import os
import re
import shlex
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.doctor.checks import CHECKS
from qca.cli import cli
from qca.core.config_loader import load_config
from qca.core.units import format_size, parse_size
from qca.memory.budget import estimate
from tests.support.program import QCA, environment, short_folder, write_config

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = ("tutorial", "four-gigabytes", "broken-compose", "your-compose-file", "two-machines")
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.M | re.S)

DOWNLOADS = "it downloads gigabytes; tests/test_wheel.py installs the wheel"
CONTAINERS = "it changes the engine; tests/integration starts and ends such stacks"
GPUS = "it needs several GPUs, or a second machine"
NOT_RUN = {
    "python3 -m venv .venv": DOWNLOADS,
    ". .venv/bin/activate": "it is for the shell of a person",
    "pip install '.[train,report]'": DOWNLOADS,
    "qca up --runtime compose": CONTAINERS,
    "docker compose -f .qca/compose.yaml cp trainer:/runs/first .": CONTAINERS,
    "qca report ./first": "it is for the copy of the line before",
    "qca down": CONTAINERS,
    "qca up --gpus all": GPUS,
    "qca up --gpus all --nnodes 2 --rdzv-endpoint HOST:29400": GPUS,
    "qca train --processes 8 --nnodes 2 --rdzv-endpoint HOST:29400 --runs /mnt/shared/runs"
    " --resume": GPUS,
}


@dataclass(frozen=True)
class Shown:
    """A block of commands, and what the page says that they print."""

    commands: str
    output: str | None


def text(page: str) -> str:
    return (DOCS / f"{page}.md").read_text()


def shown(page: str) -> list[Shown]:
    blocks = [(lang, body) for _, lang, body in BLOCK.findall(text(page))] + [("end", "")]
    return [
        Shown(body, after if following == "" else None)
        for (lang, body), (following, after) in itertools.pairwise(blocks)
        if lang == "sh"
    ]


def commands(page: str) -> list[str]:
    return [line.strip() for block in shown(page) for line in block.commands.splitlines()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with what the pages speak of: the recorded hosts, and a compose file."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "hosts").symlink_to(ROOT / "tests" / "hosts")
    [file] = re.findall(r"^```yaml\n(services:.*?)^```", text("your-compose-file"), re.M | re.S)
    (tmp_path / "docker-compose.yml").write_text(file)
    return tmp_path


def run(page: str, folder: Path) -> None:
    """Runs the page's commands in its order, and compares what they print."""
    path = f"{QCA.parent}{os.pathsep}{os.environ['PATH']}"
    for block in shown(page):
        lines = [line.strip() for line in block.commands.splitlines()]
        done = [_run(line, folder, path) for line in lines if line not in NOT_RUN]
        if block.output is not None and len(done) == len(lines) and not _varies(page, block):
            assert_printed(block.output, "".join(done))


def _varies(page: str, block: Shown) -> bool:
    """Says whether it is a training's numbers, which differ between processors, or a host's."""
    return page == "tutorial" or "episode 1/" in (block.output or "")


def _run(line: str, folder: Path, path: str) -> str:
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment(PATH=path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    # 1 is an answer of doctor's and of estimate's: it would not start, it does not fit.
    allowed = (0, 1) if line.startswith(("qca doctor", "qca estimate")) else (0,)
    assert done.returncode in allowed, (line, done.stdout)
    assert "Traceback" not in done.stdout, (line, done.stdout)
    return done.stdout


def assert_printed(wanted: str, got: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    wanted = re.sub(r"(?m)^ *\.\.\.$", "...", wanted)
    matches = doctest.OutputChecker().check_output(wanted, got, flags)
    assert matches, f"the page says\n{wanted}\nand it printed\n{got}"


@pytest.mark.parametrize("page", ["four-gigabytes", "broken-compose", "your-compose-file"])
def test_every_command_runs_and_prints_what_the_page_says(page, place):
    run(page, place)


@pytest.mark.slow
def test_every_command_of_two_machines_runs(place):
    run("two-machines", place)
    assert (place / "runs" / "pair" / "metrics.jsonl").read_text().count("\n") == 6


@pytest.mark.slow
def test_the_tutorial_ends_with_a_report(tmp_path, monkeypatch):
    """With a training of seconds in the place of the page's."""
    write_config(tmp_path, {"runtime": "local"})
    with short_folder() as temporary:
        monkeypatch.setenv("TMPDIR", str(temporary))
        run("tutorial", tmp_path)
    assert (tmp_path / "runs/first/report.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("line", NOT_RUN)
def test_what_is_not_run_is_shown_and_takes_these_words(line):
    assert line in [command for page in PAGES for command in commands(page)]
    program, *words = shlex.split(line)
    if program == "qca":
        command = cli.get_command(cli.make_context("qca", [words[0]]), words[0])
        assert command is not None
        command.make_context(words[0], words[1:])
    if program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        named = re.findall(r"\[(.*)\]", line)[0].split(",")
        assert set(named) <= set(extras["optional-dependencies"])


def table() -> list[list[str]]:
    rows = [row for row in text("four-gigabytes").splitlines() if row.startswith("| ")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize("row", table(), ids=lambda row: row[0])
def test_the_table_of_options_is_what_the_estimate_says(row):
    _, flags, *figures = row
    words = shlex.split(flags.strip("`"))
    given = {
        key.lstrip("-").replace("-", "_"): value
        for key, value in zip(words[::2], words[1::2], strict=True)
    }
    train = load_config(flags={"train": given}, environment={}).train
    assert train.recompute != "auto"
    if train.recompute == "none" and train.precision != "auto":
        assert figures == ["refused", "refused", "no"]
        return
    found = estimate(train, recompute=train.recompute)
    fits = "yes" if found.fits(parse_size("3.68GiB")) else "no"
    sizes = [format_size(found.predicted_peak_bytes), format_size(found.total_bytes)]
    assert figures == [*sizes, fits]


def test_half_precision_with_plain_autograd_is_refused(tmp_path):
    [row] = [row for row in table() if "refused" in row]
    words = shlex.split(row[1].strip("`"))
    done = subprocess.run([QCA, "estimate", *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "in 16 bits" in done.stderr


def test_the_checks_that_they_name_exist():
    named = {name for page in PAGES for name in re.findall(r"QCA\d{3}", text(page))}
    assert named <= {check.id for check in CHECKS}


@pytest.mark.parametrize("page", [*PAGES, "../README"])
def test_every_link_leads_somewhere(page):
    file = (DOCS / f"{page}.md").resolve()
    for target in re.findall(r"\]\(([^)#]+)", file.read_text()):
        assert target.startswith("http") or (file.parent / target).exists(), target


def test_the_readme_leads_to_each():
    readme = (ROOT / "README.md").read_text()
    assert all(f"(docs/{page}.md)" in readme for page in PAGES)
