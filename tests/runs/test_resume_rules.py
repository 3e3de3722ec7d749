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
    require_effect,
    restore_ineffective,
    restore_segments,
)

RUN = Path("runs/first")
PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def read_table() -> list[set[str]]:
    """Return the keys in each row of the page's table."""
    text = PAGE.read_text().partition("## What you can change when you resume a run")[2]
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
    require_effect(TrainConfig(**given), {"episodes": 50, "learning_rate": 1e-2}, RUN)


def test_a_value_without_effect_is_refused_with_a_remedy():
    with pytest.raises(
        InputError, match=r"learning_rate 0\.1 has no effect.* with 0\.01"
    ) as refused:
        require_effect(TrainConfig(learning_rate=0.1, episodes=50), {"learning_rate": 0.01}, RUN)
    assert "set --episodes to more than 50" in refused.value.hint


@pytest.mark.parametrize(
    ("saved", "segment"),
    [({"segment": 8}, 8), ({}, 1), ({"segment": "auto"}, 4), ({"segment": 0}, 4)],
    ids=str,
)
def test_a_run_keeps_its_segment(saved, segment):
    assert restore_segments(TrainConfig(segment=4), saved).segment == segment


@pytest.mark.parametrize(
    ("saved", "recompute", "kept"),
    [
        ({"tapes": 24, "recompute": "step"}, "step", ("step", 24)),
        ({"tapes": 24, "recompute": "step"}, "none", ("step", 24)),
        ({"tapes": 500, "recompute": "none"}, "none", ("none", 500)),
        ({"tapes": 500, "recompute": "none"}, "step", ("step", 500)),
        ({"recompute": "none"}, "none", ("none", 500)),
        ({"recompute": "host"}, "none", ("step", 0)),
        ({"tapes": -1}, "step", ("step", 8)),
        ({"tapes": True}, "step", ("step", 8)),
    ],
)
def test_a_run_keeps_its_tapes(saved, recompute, kept):
    config = TrainConfig(recompute=recompute, tapes=8)

    restored = restore_segments(config, saved)

    assert (restored.recompute, restored.tapes) == kept


def test_a_complete_run_is_described_as_it_was_trained():
    config = restore_ineffective(
        TrainConfig(episodes=7), {"episodes": 9, "learning_rate": 0.5, "device": "cuda"}
    )
    assert (config.episodes, config.learning_rate, config.device) == (7, 0.5, "auto")
