"""A recording has the requested values and maps them to a scale."""

import numpy as np
import pytest

from qca.measures.choose_field import choose_field
from qca.measures.fields import compute_density
from qca.rollout.recording import draw_field, draw_fields
from tests.rollout.conftest import FIELDS, record


def test_it_has_every_field_and_measure_of_every_state(recording, states):
    assert recording.steps == [0, 2, 4, 6, 8]
    assert np.array_equal(recording.stack(0)[3], compute_density(states[3], None, 1))
    assert {len(values) for values in recording.measures.values()} == {5}
    assert recording.states == []


def test_states_are_recorded_on_request(states):
    recording = record(states, keeps_states=True)
    assert recording.states == states
    assert recording.values == []


def test_every_kth_cell_of_a_large_grid_is_recorded(states):
    recording = record(states, stride=3)
    assert recording.stack(0).shape == (5, 3, 3)
    assert np.array_equal(recording.stack(0)[0], compute_density(states[0], None, 1)[::3, ::3])


def test_all_frames_share_one_scale(recording):
    density, phase, dominant = draw_fields(recording)
    values = recording.stack(0)
    assert (density.lowest, density.highest) == (0, pytest.approx(values.max()))
    assert density.frames.flat[values.argmax()] == 255
    assert (phase.lowest, phase.highest) == pytest.approx((-np.pi, np.pi))
    assert dominant.is_categorical
    assert np.array_equal(dominant.frames, recording.stack(2))
    assert [drawn.name for drawn in (density, phase, dominant)] == [
        "density:1",
        "phase:0",
        FIELDS[2],
    ]


def test_a_frame_is_painted_in_the_colors_of_its_palette(recording):
    density = draw_fields(recording)[0]
    place = density.frames[2, 5, 6]
    assert np.array_equal(density.paint(2)[5, 6], density.palette[place])


def test_a_field_without_a_finite_value_can_still_be_drawn():
    nothing = np.full((2, 4, 4), np.nan, np.float32)
    drawn = draw_field(choose_field("asymmetry", 3), nothing)
    assert (drawn.lowest, drawn.highest) == (0, 0)
    assert (drawn.frames == 0).all()
