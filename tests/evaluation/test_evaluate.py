"""An evaluation runs the right conditions from fresh states and averages the results."""

import math

import numpy as np
import pytest
import torch

from qca.automaton import memory
from qca.automaton.automaton import Automaton
from qca.core.errors import InputError, PlanError
from qca.evaluation.evaluate import (
    UNTRAINED,
    Condition,
    count_steps,
    evaluate,
    list_conditions,
)
from qca.measures.over_time import MEASURES
from qca.model.initial_state import draw_initial_state
from qca.model.losses import Evolutionary
from qca.model.random_streams import Purpose
from qca.runs.evaluation import Evaluation
from tests.support.automata import lively_automaton

STATES = 3


@pytest.fixture(scope="module")
def automaton(tmp_path_factory) -> Automaton:
    return lively_automaton(tmp_path_factory.mktemp("runs") / "first")


@pytest.fixture(scope="module")
def evaluation(automaton) -> Evaluation:
    conditions = list_conditions(automaton, 2)
    return evaluate(
        automaton, [automaton], conditions, states=STATES, seed=5, on_steps=lambda steps: None
    )


def test_it_runs_as_trained_and_beyond(automaton, evaluation):
    assert list_conditions(automaton, 4) == [
        Condition("as trained", 5, 8),
        Condition("4x the steps", 20, 8),
        Condition("4x the grid", 5, 32),
    ]
    assert [condition.name for condition in list_conditions(automaton, 1)] == ["as trained"]
    with pytest.raises(InputError, match="1000 times the grid is 8000"):
        list_conditions(automaton, 1000)
    assert evaluation.list_conditions() == ["as trained", "2x the steps", "2x the grid"]


def test_the_run_is_compared_with_others_and_its_untrained_network(evaluation):
    names = [trial.automaton for trial in evaluation.select("as trained")]
    assert names == ["first", "first", UNTRAINED]
    first, again, untrained = evaluation.select("as trained")
    assert first == again
    assert untrained.loss_difference is None
    difference = first.values["loss"].mean - untrained.values["loss"].mean
    assert first.loss_difference.mean == pytest.approx(difference)


def test_results_are_means_over_fresh_states(automaton, evaluation):
    losses, energies = [], []
    for sample in range(STATES):
        psi = draw_initial_state(5, [sample], d_state=3, grid=8, purpose=Purpose.EVALUATION)
        start, sampled = psi.abs().square().sum(dim=(1, 2, 3)), []
        for _ in range(5):
            with torch.no_grad():
                sampled.append(automaton.evolution.advance(sampled[-1].psi if sampled else psi))
        terms = Evolutionary().compute_terms(start, sampled)
        losses.append(Evolutionary().combine(terms).item())
        energies.append(sampled[-1].squared_norm.mean().item())
    values = evaluation.select("as trained")[0].values
    assert values["loss"].mean == pytest.approx(np.mean(losses), rel=1e-5)
    error = np.std(losses, ddof=1) / math.sqrt(STATES)
    assert values["loss"].standard_error == pytest.approx(error, rel=1e-3)
    assert values["energy"].mean == pytest.approx(np.mean(energies), rel=1e-5)
    names = {"loss", "loss.survival", "loss.symmetry", "loss.complexity"}
    assert values.keys() == names | {measure.name for measure in MEASURES}


def test_the_states_are_never_used_in_training():
    fresh = draw_initial_state(0, [0], d_state=2, grid=4, purpose=Purpose.EVALUATION)
    assert not torch.allclose(fresh, draw_initial_state(0, [0], d_state=2, grid=4))


def test_the_steps_are_counted(automaton):
    made: list[int] = []
    conditions = list_conditions(automaton, 2)
    evaluate(automaton, [], conditions, states=2, seed=0, on_steps=made.append)
    assert sum(made) == count_steps(conditions, 2, 2) == 2 * 2 * (5 + 10 + 5)


def test_a_grid_that_does_not_fit_is_refused_before_the_first_step(automaton, monkeypatch):
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: type("", (), {"available": 10**6}))
    conditions = [Condition("small", 1, 4), Condition("large", 1, 1024)]
    made: list[int] = []
    with pytest.raises(PlanError, match="1024x1024 cells need") as error:
        evaluate(automaton, [], conditions, states=2, seed=0, on_steps=made.append)
    assert made == []
    assert "--beyond" in error.value.hint


def test_other_cells_have_no_difference_from_the_untrained_network(automaton, tmp_path):
    other = lively_automaton(tmp_path / "other", d_state=2)
    conditions = list_conditions(automaton, 1)
    found = evaluate(automaton, [other], conditions, states=2, seed=0, on_steps=lambda steps: None)
    first, second, _ = found.trials
    assert first.loss_difference is not None
    assert second.loss_difference is None
    assert second.values["loss"].mean is not None
