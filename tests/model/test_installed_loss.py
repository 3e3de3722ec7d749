"""A loss of an installed package can be configured, planned for and trained with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from qca.core.config import TrainConfig
from qca.core.errors import InputError
from qca.core.losses import GROUP
from qca.memory.budget import estimate
from qca.model.evolution import Step
from qca.model.losses import Loss, make_loss
from qca.train.trainer import Trainer
from tests.support.machines import GPU
from tests.support.plugins import install
from tests.support.training import small


@dataclass(frozen=True)
class Stillness(Loss):
    """Prefer cells that stay in component 0."""

    max_sample_steps: int = 2

    name = "stillness"
    term_weights: ClassVar = {"excited": 1.0}
    energy_terms: ClassVar = frozenset()

    def compute_terms(self, start: Tensor, sampled: Sequence[Step]) -> dict[str, Tensor]:
        return {"excited": sampled[-1].psi[:, 1:].abs().square().mean(dim=(1, 2, 3))}


@dataclass(frozen=True)
class Greedy(Stillness):
    max_sample_steps: int = 11


@pytest.fixture
def stillness(monkeypatch):
    install(monkeypatch, GROUP, __name__, stillness="Stillness", greedy="Greedy", text="json")


def test_training_can_use_it(stillness):
    trainer = Trainer(small(loss="stillness"), torch.device("cpu"))
    outcome = trainer.compute_gradients(lambda: None)
    assert outcome.loss == outcome.terms["excited"]
    assert isinstance(make_loss("stillness"), Stillness)


def test_its_memory_is_predicted_without_loading_it(stillness, monkeypatch):
    monkeypatch.setattr("importlib.metadata.EntryPoint.load", None)
    sizes = [
        estimate(
            TrainConfig(loss=loss, steps=20), recompute="step", machine=GPU
        ).predicted_peak_bytes
        for loss in ("stillness", "evolutionary")
    ]
    assert sizes[0] >= sizes[1]


def test_without_its_package_the_name_is_refused():
    with pytest.raises(ValueError, match="unknown loss 'stillness'; choose one of evolutionary"):
        TrainConfig(loss="stillness")
    with pytest.raises(InputError, match="unknown loss 'stillness'"):
        make_loss("stillness")


@pytest.mark.parametrize("name", ["greedy", "text"])
def test_an_object_that_is_not_a_usable_loss_is_refused(stillness, name):
    assert json  # what `text` names
    with pytest.raises(InputError, match=f"qca.losses '{name}'"):
        make_loss(name)
