"""The charts of the measures over a sample rollout, with their captions."""

import numpy as np

from qca.report.rollout_curves import draw_measures, list_states
from qca.runs.snapshots import Snapshots
from tests.support.run_folders import field


def make_snapshots(factor: float = 1, **energies: dict[int, float]) -> Snapshots:
    states = {2 * number: np.float32(factor) * field(number) for number in range(4)}
    return Snapshots(6, states, **energies)


def test_a_measure_is_drawn_with_its_first_and_last_value():
    charts = {chart.title: chart for chart in draw_measures(make_snapshots())}
    assert charts["Entropy"].caption.startswith("From 1.")
    assert " bit, between " in charts["Entropy"].caption
    assert "step" in charts["Entropy"].svg


def test_the_energy_is_shown_if_it_is_known():
    assert "Energy" not in [chart.title for chart in draw_measures(make_snapshots())]
    energies = {0: 1.0, 2: 0.9, 4: 0.85, 6: 0.8}
    [energy, *_] = draw_measures(make_snapshots(energies=energies))
    assert energy.caption == "From 1 to 0.8 of the start, between 0.8 and 1."
    assert [
        round(float(state.squared_norm.mean()), 6)
        for state in list_states(make_snapshots(energies=energies))
    ] == list(energies.values())


def test_rounding_errors_of_the_norm_are_not_drawn():
    assert "Norm error" not in [chart.title for chart in draw_measures(make_snapshots())]
    assert "Norm error" in [chart.title for chart in draw_measures(make_snapshots(0.5))]


def test_a_single_state_has_no_curve():
    assert list(draw_measures(Snapshots(1, {0: field()}))) == []
