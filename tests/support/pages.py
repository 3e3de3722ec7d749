"""Run the command blocks of the pages in docs/, and compare their output with the page's.

A block of output follows the block of commands that printed it, and `...` in it matches anything.
`NOT_RUN` has the commands that a test cannot run, with the reasons.
"""

import doctest
import itertools
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.program import QCA, environment

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NEWCOMERS_PAGES = (
    "tutorial",
    "four-gigabytes",
    "broken-compose",
    "your-compose-file",
    "two-machines",
)
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.M | re.S)

DOWNLOADS = "it downloads gigabytes; tests/test_wheel.py installs the wheel"
CONTAINERS = "it changes the engine; tests/integration starts and ends such stacks"
GPUS = "it needs several GPUs, or a second machine"
NOT_RUN = {
    "python3 -m venv .venv": DOWNLOADS,
    ". .venv/bin/activate": "it changes the shell that the reader types into",
    "pip install '.[train,report]' --extra-index-url"
    " https://download.pytorch.org/whl/cpu": DOWNLOADS,
    "qca view first": "it serves a page until Ctrl-C; tests/cli/test_view.py starts and ends it",
    "qca up --runtime compose --run docker": CONTAINERS,
    "qca report docker": "the run is trained in containers",
    "qca down docker": CONTAINERS,
    "qca up --gpus all": GPUS,
    "qca up --gpus all --nnodes 2 --rdzv-endpoint HOST:29400": GPUS,
    "qca train --processes 8 --nnodes 2 --rdzv-endpoint HOST:29400 --runs /mnt/shared/runs"
    " --resume": GPUS,
}


@dataclass(frozen=True)
class CommandBlock:
    """A block of commands, and their output according to the page."""

    lines: list[str]
    output: str | None


def read_page(name: str) -> str:
    """Return the text of docs/NAME.md."""
    return (DOCS / f"{name}.md").read_text()


def find_blocks(page: str, language: str) -> list[str]:
    """Return the contents of a page's fenced blocks in one language, in order."""
    return [body for _, lang, body in BLOCK.findall(read_page(page)) if lang == language]


def parse_command_blocks(page: str) -> list[CommandBlock]:
    """Return a page's `sh` blocks, each with the block of output that follows it."""
    blocks = [(lang, body) for _, lang, body in BLOCK.findall(read_page(page))] + [("end", "")]
    return [
        CommandBlock(
            [line.strip() for line in body.splitlines()], after if following == "" else None
        )
        for (lang, body), (following, after) in itertools.pairwise(blocks)
        if lang == "sh"
    ]


def list_commands(page: str) -> list[str]:
    """Return every line of a page's `sh` blocks."""
    return [line for block in parse_command_blocks(page) for line in block.lines]


def run_page(page: str, folder: Path) -> None:
    """Run the page's commands in its order, and compare what they print."""
    for block in parse_command_blocks(page):
        outputs = [_run_line(line, folder) for line in block.lines if line not in NOT_RUN]
        complete = block.output is not None and len(outputs) == len(block.lines)
        if complete and not _differs_between_machines(page, block):
            assert_printed(block.output or "", "".join(outputs))


def _differs_between_machines(page: str, block: CommandBlock) -> bool:
    """Return whether the block shows numbers that differ between machines."""
    return page == "tutorial" or "episode 1/" in (block.output or "")


def _run_line(line: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment(PATH=f"{QCA.parent}{os.pathsep}{os.environ['PATH']}"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    # doctor and estimate exit with 1 if training would not start or does not fit
    allowed = (0, 1) if line.startswith(("qca doctor", "qca estimate")) else (0,)
    assert done.returncode in allowed, (line, done.stdout)
    assert "Traceback" not in done.stdout, (line, done.stdout)
    return done.stdout


def assert_printed(expected: str, printed: str) -> None:
    """Compare as doctest does: `...` matches anything, and whitespace is ignored."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    expected = re.sub(r"(?m)^ *\.\.\.$", "...", expected)
    matches = doctest.OutputChecker().check_output(expected, printed, flags)
    assert matches, f"the page says\n{expected}\nand it printed\n{printed}"
