"""Animations show the density and the phase of known states."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from qca.measures.palettes import make_palette
from qca.report.pictures import Gallery, draw_gallery
from qca.runs.snapshots import Snapshots
from tests.support.run_folders import field


def draw(states) -> Gallery:
    found = draw_gallery(Snapshots(episode=7, states=states))
    assert found is not None
    return found


def read_frames(picture: str) -> list[np.ndarray]:
    """Return the frames of a data URI in color, (H, W, 3)."""
    frames = []
    with Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB")).astype(int))
    return frames


def color(scale, share: float) -> Any:
    """Return the color at this share of the scale."""
    return pytest.approx(make_palette(scale)[round(255 * share)].astype(int), abs=3)


def uneven() -> np.ndarray:
    """Return a state: component 0 is 0 in one corner, 2 in another; component 1 is 0.1i."""
    psi = np.full((2, 4, 4), 1.0, np.complex64)
    psi[0, 0, 0], psi[0, 3, 3] = 0, 2
    psi[1] = 0.1j
    return psi


def test_the_density_is_the_sum_over_the_components_on_one_scale_for_all():
    found = draw({0: uneven(), 9: 2 * uneven()})
    assert not found.of_component
    assert (found.lowest, found.highest) == pytest.approx((0.01, 16.04))
    first, last = read_frames(found.density.moving)
    assert first[0, 0] == color("sequential", 0)
    assert last[3, 3] == color("sequential", 1)
    assert first[3, 3] == color("sequential", 4 / 16.04)


def test_if_cells_keep_their_weight_the_most_variable_component_is_drawn():
    psi = np.zeros((3, 4, 4), np.complex64)
    psi[0] = np.sqrt(0.5)
    psi[1, :, :2] = psi[2, :, 2:] = np.sqrt(0.5)
    psi[1, 0, 0], psi[0, 0, 0] = 1, 0
    found = draw({0: psi})
    assert found.of_component
    assert (found.component, found.components) == (1, 3)


def test_the_phase_is_that_of_one_component_around_the_circle():
    psi = np.ones((1, 2, 2), np.complex64)
    psi[0] = [[1, 1j], [-1j, -2]]
    [picture] = read_frames(draw({0: psi}).phase.moving)
    assert picture[0, 0] == color("cyclic", 0.5)
    assert picture[0, 1] == color("cyclic", 0.75)
    assert picture[1, 0] == color("cyclic", 0.25)


def test_a_selection_of_many_steps_has_the_first_and_the_last():
    found = draw({step: field(step) for step in range(0, 201, 2)})
    assert len(found.steps) == len(read_frames(found.density.moving)) == 48
    assert (found.steps[0], found.steps[-1]) == (0, 200)
    assert found.episode == 7


def test_readers_without_motion_get_the_last_frame():
    found = draw({step: field(step) for step in range(3)})
    [still] = read_frames(found.phase.still)
    assert np.array_equal(still, read_frames(found.phase.moving)[-1])


def test_a_large_grid_is_thinned_to_what_a_screen_shows():
    [picture] = read_frames(draw({0: field(cells=300)}).density.moving)
    assert picture.shape == (100, 100, 3)


def test_without_a_state_there_is_nothing_to_draw():
    assert draw_gallery(Snapshots(episode=1, states={})) is None
