"""A page's automaton steps, shows frames and applies commands."""

import struct

import numpy as np
import pytest

from qca.core.errors import InputError
from qca.measures.fields import compute_density, compute_phase
from qca.measures.over_time import MEASURES, measure_all
from qca.measures.palettes import quantize
from qca.measures.state import State
from qca.viewer.simulation import Frame, Simulation


@pytest.fixture
def simulation(automaton) -> Simulation:
    return Simulation(automaton)


def test_it_steps_as_a_rollout_does(automaton, simulation):
    *_, before, last = automaton.rollout(5)
    simulation.choose("phase:1")
    simulation.advance(2)
    simulation.advance(3)
    frame = simulation.draw()
    assert frame.step == 5
    expected = quantize(compute_phase(last, None, 1), "cyclic", -np.pi, np.pi)
    assert np.array_equal(frame.places, expected)
    assert frame.measures == pytest.approx(list(measure_all(last, before).values()))


def test_the_start_has_no_activity_yet(simulation):
    names = [measure.name for measure in MEASURES]
    measures = dict(zip(names, simulation.draw().measures, strict=True))
    assert [name for name in names if np.isnan(measures[name])] == ["activity"]


def test_the_scale_grows_until_another_field_is_chosen(simulation):
    ends = []
    for _ in range(4):
        ends.append(simulation.draw().highest)
        simulation.advance(1)
    assert ends == sorted(ends)
    simulation.choose("entropy")
    assert simulation.draw().highest != pytest.approx(ends[-1])


def test_a_reset_draws_the_start_of_that_seed(automaton, simulation):
    simulation.advance(3)
    simulation.reset(7, "random")
    frame = simulation.draw()
    start = State.from_psi(0, automaton.make_start("random", seed=7))
    density = compute_density(start)
    assert frame.step == 0
    assert np.array_equal(frame.places, quantize(density, "sequential", 0, float(density.max())))
    with pytest.raises(InputError, match="neither an initial state nor a file"):
        simulation.reset(7, "nowhere")


def test_a_perturbation_replaces_the_cells_around_a_cell(simulation):
    simulation.choose("phase:0")
    before = simulation.draw().places
    simulation.perturb(4, 5, 1)
    after = simulation.draw()
    changed = {tuple(cell) for cell in np.argwhere(before != after.places)}
    assert changed == {(4, 5), (3, 5), (5, 5), (4, 4), (4, 6)}
    assert dict(zip([one.name for one in MEASURES], after.measures, strict=True))[
        "norm_error"
    ] == pytest.approx(0, abs=1e-6)
    simulation.perturb(4, 5, 1)
    assert (simulation.draw().places != after.places).any()


@pytest.mark.parametrize("where", [(8, 0, 1), (0, -1, 1), (0, 0, 33), (0, 0, -1)])
def test_a_perturbation_outside_the_grid_is_refused(simulation, where):
    with pytest.raises(InputError, match="cannot perturb"):
        simulation.perturb(*where)


def test_a_frame_is_bytes_that_a_page_can_read():
    frame = Frame(
        70_000, -1.5, 2.5, (0.25, float("nan")), np.arange(8, dtype=np.uint8).reshape(2, 4)
    )
    data = frame.encode()
    assert struct.unpack("<IHHff", data[:16]) == (70_000, 2, 4, -1.5, 2.5)
    assert struct.unpack("<f", data[16:20]) == (0.25,)
    assert data[24:] == bytes(range(8))
