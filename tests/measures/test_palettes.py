"""Palettes have the right colors at the ends of their scales."""

import numpy as np
import pytest

from qca.measures.palettes import COLORS, make_palette, quantize


@pytest.mark.parametrize(("scale", "name"), [("sequential", "magma"), ("cyclic", "twilight")])
def test_a_palette_looks_like_matplotlibs(scale, name):
    colormaps = pytest.importorskip("matplotlib").colormaps
    expected = 255 * colormaps[name](np.linspace(0, 1, COLORS))[:, :3]
    assert np.abs(make_palette(scale) - expected).mean() < 4
    assert np.abs(make_palette(scale) - expected).max() < 30


def test_a_phase_has_no_seam():
    palette = make_palette("cyclic").astype(int)
    assert (palette[0] == palette[-1]).all()


def test_components_have_different_colors():
    colors = make_palette("categorical", 14)[:14].astype(int)
    apart = np.abs(colors[:, None] - colors[None]).sum(axis=2) + 999 * np.eye(14)
    assert apart.min() > 40


def test_values_are_put_on_the_scale_and_clipped():
    values = np.array([-1, 0, 0.5, 1, 9, np.nan], np.float32)
    assert quantize(values, "sequential", 0, 1).tolist() == [0, 0, 128, 255, 255, 0]
    assert quantize(values[1:2], "sequential", 3, 3).tolist() == [0]
    assert quantize(np.array([0, 13], np.float32), "categorical", 0, 13).tolist() == [0, 13]
