"""Run every command of docs/tutorial.md, and compare the launches with what `qca up` announces."""

import io

import pytest
from rich.console import Console

from infra.host.recording import load
from infra.stack.plan import plan_stack
from qca.cli.launch_words import announce
from qca.cli.progress import ProgressView
from qca.core.config import Config, StackConfig, TrainConfig
from tests.support.pages import ROOT, assert_printed, list_commands, parse_command_blocks, run_page
from tests.support.program import short_folder, write_config

CONTAINERS = Config(StackConfig(runtime="compose"), TrainConfig(run="docker"))
# The host that each launch of the page may be on, and the configuration that its flags set.
LAUNCHES = {
    "qca up": ("cpu-no-docker", Config()),
    "qca up --runtime compose --run docker": ("cpu-engine", CONTAINERS),
}


@pytest.mark.parametrize("line", LAUNCHES)
def test_the_launch_is_announced_as_the_page_says(line):
    [block] = [one for one in parse_command_blocks("tutorial") if one.lines == [line]]
    file = io.StringIO()
    host, config = LAUNCHES[line]
    plan = plan_stack(load(ROOT / f"tests/hosts/{host}.json"), config)
    announce(plan, [], ProgressView(console=Console(file=file, width=1000)))
    printed = file.getvalue()
    _, *quoted = (block.output or "").splitlines()
    assert_printed("\n".join(quoted[: len(printed.splitlines())]) + "\n", printed)


def test_each_launch_starts_a_run_of_its_own():
    lines = [line for line in list_commands("tutorial") if line.startswith("qca up")]
    assert lines == list(LAUNCHES)
    runs = [config.train.run for _, config in LAUNCHES.values()]
    assert len(set(runs)) == len(runs)


@pytest.mark.slow
def test_the_tutorial_ends_with_a_report(tmp_path, monkeypatch):
    """The training run of the page is replaced by one that takes seconds."""
    write_config(tmp_path, {"runtime": "local"})
    with short_folder() as temporary:
        monkeypatch.setenv("TMPDIR", str(temporary))
        run_page("tutorial", tmp_path)
    assert (tmp_path / "runs/first/report.html").read_text().startswith("<!DOCTYPE html>")
