import re
from dataclasses import fields
from pathlib import Path

import pytest

from qca.core.config import TrainConfig
from qca.core.errors import InputError
from qca.runs.resume_rules import (
    RECORDED,
    UNRECORDED,
    find_changes,
    keep_settings,
    require_effect,
    require_episodes,
    restore_ineffective,
)

RUN = Path("runs/first")
PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def read_table() -> list[set[str]]:
    """Return the keys in each row of the page's table."""
    text = PAGE.read_text().partition("## What a resumed run keeps")[2]
    rows = re.findall(r"^\| (`.*?) \| .*\|$", text.partition("\n## ")[0], re.M)
    return [set(re.findall(r"`(\w+)`", row)) for row in rows]


def test_the_page_and_the_code_have_the_same_rules():
    fixed = {key.name for key in fields(TrainConfig)} - RECORDED - UNRECORDED
    assert read_table() == [fixed, RECORDED, UNRECORDED]


def test_changes_are_found_with_both_values():
    saved = {"learning_rate": 1e-4, "device": "cuda", "loss": "structure"}
    config = TrainConfig(learning_rate=1e-2, device="cpu", loss="structure")
    assert find_changes(config, saved) == ({"learning_rate": 1e-4}, {"learning_rate": 1e-2})


@pytest.mark.parametrize(
    "given", [{"episodes": 100}, {"device": "cpu"}, {"learning_rate": 1e-2}, {}]
)
def test_the_values_that_a_complete_run_accepts(given):
    saved = {"episodes": 50, "learning_rate": 1e-2}
    require_effect(TrainConfig(**given), saved, RUN, trained=50)


def test_a_value_without_effect_is_refused_with_a_remedy():
    with pytest.raises(
        InputError, match=r"learning_rate 0\.1 has no effect.* with 0\.01"
    ) as refused:
        require_effect(
            TrainConfig(learning_rate=0.1, episodes=50), {"learning_rate": 0.01}, RUN, trained=51
        )
    assert "set --episodes to more than 51" in refused.value.hint


OWN = TrainConfig(
    profile="cpu",
    grid=32,
    episodes=60,
    learning_rate=1e-2,
    precision="bf16",
    segment=8,
    tapes=16,
    recompute="host",
    device="cuda",
    budget=2**30,
)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, {"profile": "cpu", "grid": 32, "episodes": 60, "learning_rate": 1e-2}),
        ({}, {"precision": "bf16", "segment": 8, "tapes": 16, "seed": 0}),
        ({}, {"recompute": "auto", "device": "auto", "budget": None, "run": "first"}),
        ({"precision": "auto", "tapes": "auto"}, {"precision": "bf16", "tapes": 16}),
        ({"episodes": 90, "learning_rate": 1e-4}, {"episodes": 90, "learning_rate": 1e-4}),
        ({"segment": 2, "tapes": 0}, {"segment": 2, "tapes": 0}),
        ({"recompute": "none"}, {"recompute": "none", "segment": 8, "tapes": "auto"}),
        ({"recompute": "step"}, {"recompute": "step", "tapes": 16}),
        ({"profile": "cpu"}, {"grid": 32, "episodes": 60}),
        ({"profile": "default"}, {"grid": 64, "episodes": 2000, "learning_rate": 1e-2}),
    ],
)
def test_a_resumed_run_keeps_what_is_not_set(given, kept):
    config = keep_settings(TrainConfig(**given), OWN, trained=34)

    assert {key: getattr(config, key) for key in kept} == kept


@pytest.mark.parametrize(
    ("trained", "given", "episodes"),
    [
        (34, {}, 60),
        (34, {"episodes": 34}, 34),
        (60, {"episodes": 30}, 60),
        (61, {}, 61),
        (60, {"episodes": 90}, 90),
    ],
)
def test_a_complete_run_keeps_its_episodes(trained, given, episodes):
    assert keep_settings(TrainConfig(**given), OWN, trained=trained).episodes == episodes


@pytest.mark.parametrize(
    ("saved", "kept"),
    [
        ({"recompute": "none", "steps": 40}, (1, 40)),
        ({"recompute": "host"}, (1, 0)),
        ({"segment": "auto", "tapes": "auto"}, ("auto", "auto")),
    ],
)
def test_a_run_older_than_segments_used_single_steps(saved, kept):
    config = keep_settings(TrainConfig(), TrainConfig(**saved), trained=1)

    assert (config.segment, config.tapes) == kept


def test_kept_values_are_not_values_of_the_user():
    config = keep_settings(TrainConfig(episodes=90), OWN, trained=34)

    assert "grid" in config.kept
    assert "episodes" not in config.kept
    assert "grid" not in config.override(grid=16).kept


@pytest.mark.parametrize("episodes", [34, 35, 60, 90])
def test_a_number_of_episodes_that_are_left_to_train(episodes):
    require_episodes(TrainConfig(episodes=episodes), {"episodes": 60}, RUN, trained=34)


def test_fewer_episodes_than_were_trained_are_refused_with_both_ways_out():
    with pytest.raises(InputError, match=r"has trained 34 episodes, so episodes 30") as refused:
        require_episodes(TrainConfig(episodes=30), {"episodes": 60}, RUN, trained=34)
    assert "train on to 60" in refused.value.hint
    assert "--episodes 34" in refused.value.hint


def test_a_complete_run_is_described_as_it_was_trained():
    saved = {"episodes": 9, "learning_rate": 0.5, "device": "cuda"}
    config = restore_ineffective(TrainConfig(episodes=7), saved, trained=8)
    assert (config.episodes, config.learning_rate, config.device) == (8, 0.5, "auto")
