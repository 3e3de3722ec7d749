"""Charts have the right marks and units."""

import re

import pytest

from qca.report.charts import Curve, Level, draw, is_log_scale_useful


def texts(svg: str) -> list[str]:
    return [text.replace("\N{MINUS SIGN}", "-") for text in re.findall(r"<text[^>]*>(.*?)<", svg)]


def heights(svg: str) -> list[list[float]]:
    """Return the vertical positions of the points of each curve."""
    paths = re.findall(r'<path d="([^"]*)"[^>]*?stroke: var\(--a\)', svg, re.DOTALL)
    return [[float(y) for y in re.findall(r"[ML] [\d.]+ ([\d.]+)", path)] for path in paths]


@pytest.mark.parametrize(
    ("top", "unit", "labels"),
    [
        (300 * 2**20, "MiB", ["0", "100", "200", "300"]),
        (3 * 2**30, "GiB", ["0", "1", "2", "3"]),
        (800, "bytes", ["0", "200", "400", "600", "800"]),
    ],
)
def test_bytes_are_counted_in_the_unit_of_the_largest(top, unit, labels):
    svg = draw("m", [Curve("used", [1, 2], [0, top])], quantity="bytes", from_zero=True)
    labels_shown = texts(svg)
    assert unit in labels_shown
    assert labels_shown[labels_shown.index("episode") + 1 :][: len(labels)] == labels


def test_a_level_is_within_the_scale():
    svg = draw("m", [Curve("a", [1, 2], [1, 2])], quantity="x", levels=[Level("most", 40.0)])
    assert "40" in texts(svg)


def test_thinning_out_points_keeps_the_peaks():
    values = [1.0] * 10_000
    values[5_001], values[7_003] = 9.0, 0.2
    [line] = heights(draw("m", [Curve("a", range(10_000), values)], quantity="x"))
    assert len(line) < 1_500
    assert len(set(line)) == 3


def test_enough_values_get_a_running_median():
    values = [1.0 if n % 10 else 9.0 for n in range(200)]
    pale, strong = heights(draw("m", [Curve("a", range(200), values, smooth=True)], quantity="x"))
    assert len(set(pale)) == 2
    assert len(set(strong)) == 1


def test_one_value_is_a_dot():
    svg = draw("m", [Curve("a", [1], [4.0])], quantity="x")
    assert "<use" in svg


@pytest.mark.parametrize(
    ("values", "fits"),
    [([1, 100], True), ([1, 2], False), ([0, 100], False), ([-1, 100], False), ([], False)],
)
def test_a_logarithmic_scale_is_for_positive_values_of_several_sizes(values, fits):
    assert is_log_scale_useful(values) is fits


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ([0, 12_000], "10,000"),
        ([0, 0.0002], "1e-4"),
        ([0, 2e7], "1e7"),
        ([-0.5, 0.5], "-0.5"),
        ([0, 0.3], "0.1"),
    ],
)
def test_numbers_of_a_scale_are_short(values, label):
    assert label in texts(draw("m", [Curve("a", [1, 2], values)], quantity="x"))


def test_colors_are_the_pages_and_ids_its_own():
    svg = draw("one", [Curve("a", [1, 2], [1, 2])], quantity="x")
    assert not re.findall(r"#0000\d\d", svg)
    assert all(name.startswith("one-") for name in re.findall(r'id="([^"]+)"', svg))
