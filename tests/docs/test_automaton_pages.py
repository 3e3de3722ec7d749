"""Run every command and every line of Python on the pages about a trained automaton."""

import json
import shlex
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import qca
from qca.automaton.start import make_start
from qca.cli import cli
from qca.measures.choose_field import load_fields
from qca.measures.over_time import MEASURES
from qca.measures.state import State
from qca.model.evolution import Step
from qca.model.losses import make_loss
from tests.support.automata import write_trained_run
from tests.support.pages import DOCS, find_blocks, list_commands, parse_command_blocks, read_page
from tests.support.plugins import install
from tests.support.run_folders import field

plt.switch_backend("agg")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a trained run."""
    write_trained_run(tmp_path / "runs" / "first", grid=16)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", ["rollout", "export"])
def test_every_command_runs(folder, page):
    for line in list_commands(page):
        words = shlex.split(line)[1:]
        if words[0] == "view":
            continue  # it serves until Ctrl-C; tests/cli/test_view.py tests it
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, (line, done.output)


@pytest.mark.parametrize("page", ["rollout", "tutorial"])
def test_the_pages_quote_what_a_rollout_prints(folder, page):
    write_trained_run(folder / "runs" / "first", episode=100, grid=16)
    done = CliRunner().invoke(cli, ["rollout", "first", "--steps", "0"])
    printed = done.stderr.replace("Running 0 steps", "Running 500 steps")
    [quoted] = {
        one.output for one in parse_command_blocks(page) if one.lines == ["qca rollout first"]
    }
    assert printed == quoted


def test_the_pages_name_the_automaton_as_every_command_does(folder):
    write_trained_run(folder / "runs" / "first", episode=100)
    [loaded, *_] = CliRunner().invoke(cli, ["rollout", "first", "--steps", "0"]).stderr.splitlines()
    quoted = {
        line
        for page in ("rollout", "tutorial", "export")
        for line in read_page(page).splitlines()
        if line.startswith("Loaded ")
    }
    assert quoted == {loaded}


def test_the_page_lists_every_field_and_measure():
    text = read_page("rollout")
    for name, one in load_fields().items():
        row = f"| `{name}:c` |" if one.has_component else f"| `{name}` |"
        assert row in text
        assert f"| {one.unit} |" in text
    for measure in MEASURES:
        assert measure.name.replace("_", " ") in text.split("## Measures")[1]


def test_the_images_exist_and_are_small():
    image = (DOCS / "images" / "rollout.png").read_bytes()
    assert image.startswith(b"\x89PNG")
    assert len(image) < 300 * 1024


def test_the_lines_of_python_run_in_order(folder, capsys):
    names: dict[str, object] = {}
    for block in find_blocks("python", "python"):
        exec(block, names)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[:6]] == ["0", "10", "20", "30", "40", "50"]


def test_the_page_names_only_public_names():
    named = {word.split("(")[0] for word in read_page("python").split("qca.")[1:]}
    public = {word.strip("`.,)\n").split("`")[0].split("[")[0] for word in named}
    assert {name for name in public if name.isidentifier()} <= {*qca.__all__, "__all__", "md"}


def run_plugin_page(page: str) -> dict[str, object]:
    """Return the names that the page's module defines."""
    [source] = find_blocks(page, "python")
    names: dict[str, object] = {"__name__": "plugin"}
    exec(source, names)
    return names


def read_group(page: str) -> str:
    [project] = find_blocks(page, "toml")
    [group] = tomllib.loads(project)["project"]["entry-points"]
    return group


def test_the_field_of_its_page_works(monkeypatch):
    speed = run_plugin_page("add-a-field")["speed"]
    monkeypatch.setattr("tests.support.plugins.speed", speed, raising=False)
    install(monkeypatch, read_group("add-a-field"), "tests.support.plugins", speed="speed")
    before, after = (State.from_psi(2 * n, field() * np.complex64(1j**n)) for n in range(2))
    assert qca.compute_field("speed:1", after, before) == pytest.approx(np.pi / 4)
    assert qca.compute_field("speed:1", before).max() == 0


def test_the_initial_state_of_its_page_works(monkeypatch):
    stripes = run_plugin_page("add-an-initial-state")["stripes"]
    monkeypatch.setattr("tests.support.plugins.stripes", stripes, raising=False)
    group = read_group("add-an-initial-state")
    install(monkeypatch, group, "tests.support.plugins", stripes="stripes")
    psi = make_start("stripes", seed=1, d_state=3, grid=8)
    assert np.abs(psi[0, 0]).tolist() == [1, 0] * 4
    assert "stripes" in qca.list_initial_states()


def test_the_loss_of_its_page_works(monkeypatch):
    kind = run_plugin_page("add-a-loss")["Quiet"]
    monkeypatch.setattr("tests.support.plugins.Quiet", kind, raising=False)
    install(monkeypatch, read_group("add-a-loss"), "tests.support.plugins", quiet="Quiet")
    assert qca.TrainConfig(loss="quiet").loss == "quiet"
    loss = make_loss("quiet")
    psi = torch.zeros(1, 2, 4, 4, dtype=torch.complex64)
    psi[:, 1] = 1
    terms = loss.compute_terms(torch.tensor([16.0]), [Step(psi, torch.ones(1, 4, 4))] * 2)
    assert loss.combine(terms).tolist() == [1.0]


def test_the_whole_notebook_runs(folder, capsys):
    notebook = json.loads((DOCS / "first-look.ipynb").read_text())
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec("".join(cell["source"]), names)
    assert "first after 6 episodes, on" in capsys.readouterr().out
    plt.close("all")
