"""The card describes what is known, and its code loads the file."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from qca.automaton.automaton import Automaton
from qca.core.config import TrainConfig
from qca.export.card import render_card, write_card
from qca.runs.run import read_run
from tests.export.conftest import ONNX
from tests.support.run_folders import TIME


def read_block(card: str, language: str) -> str:
    [block] = re.findall(rf"```{language}\n(.*?)```", card, re.S)
    return block


@pytest.fixture
def card(automaton) -> str:
    assert automaton.folder
    run = read_run(automaton.folder)
    return render_card(automaton, run, Path("first.onnx"), "CC0-1.0")


def test_it_describes_the_file_and_its_origin(card):
    assert "# first" in card
    assert "- License: CC0-1.0." in card
    assert "- Trained: 6 episodes, loss `evolutionary`, noise up to 0.1." in card
    assert "- Loss of the last episode: 0.666667." in card
    assert f"- Training started {TIME}, on cpu, fp32." in card
    assert "- Update: unitary, gamma 0.05." in card
    assert re.search(r"\| entropy \| [\d.]+ \| [\d.]+ \| bit \|", card)


def test_its_configuration_can_be_trained_with(card, automaton):
    train = tomllib.loads(read_block(card, "toml"))["train"]
    assert TrainConfig(**train) == automaton.config


def test_unknown_values_are_named_as_unknown(exports):
    loaded = Automaton.load(exports["pth"], device="cpu")
    card = render_card(loaded, None, Path("first.pth"), None)
    assert "- License: not stated." in card
    assert "Not measured: " in card
    assert "Loss of" not in card


@pytest.mark.parametrize(
    "format_",
    ["safetensors", pytest.param("pt2", marks=pytest.mark.slow), ONNX],
)
def test_its_five_lines_load_the_file(automaton, exports, format_):
    path = exports[format_]
    text = write_card(automaton, path, None).read_text()
    program = read_block(text, "python")
    assert len(program.strip().splitlines()) <= 6
    subprocess.run(
        [sys.executable, "-c", program.replace("steps=500", "steps=3")],
        cwd=path.parent,
        check=True,
        capture_output=True,
    )
