"""Pictures of states whose density and phase are known."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.image import imread

from qca.report.pictures import DENSITY_COLORMAP, PHASE_COLORMAP, Gallery, draw_gallery
from qca.runs.snapshots import Snapshots
from tests.support.run_folders import field


def draw(states) -> Gallery:
    found = draw_gallery(Snapshots(episode=7, states=states))
    assert found is not None
    return found


def pixels(picture: str) -> np.ndarray:
    return imread(io.BytesIO(base64.b64decode(picture.partition(",")[2])), format="png")


def color(name: str, share: float) -> Any:
    """The color at this share of the scale."""
    return pytest.approx(colormaps[name](float(share)), abs=0.02)


def uneven() -> np.ndarray:
    """Two components; the first is 0 in one corner and 2 in another, the second is 0.1i."""
    psi = np.full((2, 4, 4), 1.0, np.complex64)
    psi[0, 0, 0], psi[0, 3, 3] = 0, 2
    psi[1] = 0.1j
    return psi


def test_the_density_is_the_sum_over_the_components_on_one_scale_for_all():
    found = draw({0: uneven(), 9: 2 * uneven()})
    assert not found.of_component
    assert (found.lowest, found.highest) == pytest.approx((0.01, 16.04))
    first, last = (pixels(frame.density) for frame in found.frames)
    assert first[0, 0] == color(DENSITY_COLORMAP, 0)
    assert last[3, 3] == color(DENSITY_COLORMAP, 1)
    assert first[3, 3] == color(DENSITY_COLORMAP, 4 / 16.04)


def test_where_each_cell_keeps_its_weight_the_liveliest_component_is_draw():
    psi = np.zeros((3, 4, 4), np.complex64)
    psi[0] = np.sqrt(0.5)
    psi[1, :, :2] = psi[2, :, 2:] = np.sqrt(0.5)
    psi[1, 0, 0], psi[0, 0, 0] = 1, 0
    found = draw({0: psi})
    assert found.of_component
    assert (found.component, found.components) == (2, 3)


def test_the_phase_is_that_of_one_component_around_the_circle():
    psi = np.ones((1, 2, 2), np.complex64)
    psi[0] = [[1, 1j], [-1j, -2]]
    [frame] = draw({0: psi}).frames
    picture = pixels(frame.phase)
    assert picture[0, 0] == color(PHASE_COLORMAP, 0.5)
    assert picture[0, 1] == color(PHASE_COLORMAP, 0.75)
    assert picture[1, 0] == color(PHASE_COLORMAP, 0.25)


def test_of_many_steps_eight_are_shown_with_the_first_and_the_last():
    found = draw({step: field(step) for step in range(0, 101, 2)})
    steps = [frame.step for frame in found.frames]
    assert len(steps) == 8
    assert (steps[0], steps[-1]) == (0, 100)
    assert found.episode == 7


def test_a_large_grid_is_thinned_to_what_a_screen_shows():
    [frame] = draw({0: field(cells=300)}).frames
    assert pixels(frame.density).shape == (100, 100, 4)


def test_where_there_is_no_state_there_is_no_draw_gallery():
    assert draw_gallery(Snapshots(episode=1, states={})) is None
