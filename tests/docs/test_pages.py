"""Rules for every page for newcomers, and for README.md's links to them."""

import re
import shlex
import tomllib

import pytest

from infra.doctor.checks import CHECKS
from qca.cli import cli
from qca.core.config import TrainConfig, apply_profile
from qca.core.units import format_size
from qca.memory.budget import estimate
from tests.support.machines import CPU
from tests.support.pages import DOCS, NEWCOMERS_PAGES, NOT_RUN, ROOT, list_commands, read_page


@pytest.mark.parametrize("line", NOT_RUN)
def test_commands_that_are_not_run_are_on_the_page_and_valid(line):
    assert line in [command for page in NEWCOMERS_PAGES for command in list_commands(page)]
    program, *words = shlex.split(line)
    if program == "qca":
        command = cli.get_command(cli.make_context("qca", [words[0]]), words[0])
        assert command is not None
        command.make_context(words[0], words[1:])
    if program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        named = re.findall(r"\[(.*)\]", line)[0].split(",")
        assert set(named) <= set(extras["optional-dependencies"])


def test_the_checks_that_they_name_exist():
    named = {name for page in NEWCOMERS_PAGES for name in re.findall(r"QCA\d{3}", read_page(page))}
    assert named <= {check.id for check in CHECKS}


@pytest.mark.parametrize("page", [*NEWCOMERS_PAGES, "../README"])
def test_every_link_has_a_target(page):
    file = (DOCS / f"{page}.md").resolve()
    for target in re.findall(r"\]\(([^)#]+)", file.read_text()):
        assert target.startswith("http") or (file.parent / target).exists(), target


def test_the_readme_links_to_each_page():
    readme = (ROOT / "README.md").read_text()
    assert all(f"(docs/{page}.md)" in readme for page in NEWCOMERS_PAGES)


@pytest.mark.parametrize("page", ["tutorial", "watching"])
def test_the_predicted_memory_is_that_of_the_small_profile(page):
    train = apply_profile(TrainConfig(), "cpu")
    predicted = format_size(estimate(train, recompute="none", machine=CPU).total_bytes)
    assert f"(1%), predicted {predicted}\n" in read_page(page)
