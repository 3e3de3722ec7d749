"""The color palettes of fields, which all pictures and pages share.

The sequential palette interpolates matplotlib's magma, and the cyclic one its twilight (both CC0).
The categorical one rotates the hue by the golden ratio, so that neighbors differ.
"""

import colorsys

import numpy as np
from numpy.typing import NDArray

from qca.measures.fields import Scale
from qca.measures.state import FloatArray

COLORS = 256
_GOLDEN_RATIO = 0.618034
_MAGMA = (
    *("#000004", "#140e36", "#3b0f70", "#641a80", "#8c2981"),
    *("#b73779", "#de4968", "#f7705c", "#fe9f6d", "#fecf92", "#fcfdbf"),
)
_TWILIGHT = (
    *("#e2d9e2", "#a6bfca", "#6d90c0", "#5f58b0", "#531e7c", "#2f1436"),
    *("#64194b", "#9f3c50", "#c0755e", "#d0b39e", "#e2d9e2"),
)


def make_palette(scale: Scale, categories: int = 1) -> NDArray[np.uint8]:
    """Return the colors of a scale, uint8 (256, 3); a categorical one has `categories` colors."""
    if scale == "categorical":
        colors = [_choose_color(number) for number in range(min(categories, COLORS))]
        return np.array(colors + colors[-1:] * (COLORS - len(colors)), np.uint8)
    points = [_parse_hex(text) for text in (_MAGMA if scale == "sequential" else _TWILIGHT)]
    places = np.linspace(0, len(points) - 1, COLORS)
    channels = [
        np.interp(places, range(len(points)), channel) for channel in zip(*points, strict=True)
    ]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def quantize(values: FloatArray, scale: Scale, lowest: float, highest: float) -> NDArray[np.uint8]:
    """Return each value's index in its palette; values beyond the ends are clipped.

    NaN gets the first color.
    """
    if scale == "categorical":
        return np.clip(values, 0, COLORS - 1).astype(np.uint8)
    span = highest - lowest if highest > lowest else 1.0
    share = np.clip((values - lowest) / span, 0, 1)
    return np.nan_to_num(share * (COLORS - 1)).round().astype(np.uint8)


def _choose_color(number: int) -> tuple[int, ...]:
    lightness = (0.55, 0.72, 0.40)[number % 3]
    color = colorsys.hls_to_rgb((0.58 + number * _GOLDEN_RATIO) % 1, lightness, 0.62)
    return tuple(round(255 * channel) for channel in color)


def _parse_hex(text: str) -> tuple[int, int, int]:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
