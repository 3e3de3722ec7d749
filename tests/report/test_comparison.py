"""A comparison shows the curves and the differences of several runs."""

import pytest

from qca.core.errors import InputError
from qca.report.comparison import (
    draw_measure_overlays,
    draw_overlays,
    list_differences,
    render_comparison,
)
from qca.runs.evaluation import write_evaluation
from qca.runs.run import read_run
from tests.report.conftest import EVALUATION, NOW
from tests.support.html_page import Page
from tests.support.run_folders import complete_run, write_run


@pytest.fixture
def runs(tmp_path):
    """Return a complete run, one with another loss, and one that has not begun."""
    first = complete_run(tmp_path / "first")
    write_evaluation(first / "evaluation.json", EVALUATION)
    folders = [
        first,
        complete_run(tmp_path / "second", loss="structure", seed=7),
        write_run(tmp_path / "third", []),
    ]
    return [read_run(folder) for folder in folders]


def test_a_chart_has_a_curve_for_each_run_with_points(runs):
    loss, *_ = draw_overlays(runs)
    assert [legend.label for legend in loss.legend] == ["first", "second"]
    assert (
        loss.caption == "From the first episode to the last: first 4 to 0.667; second 4 to 0.667."
    )
    assert loss.narrow
    titles = [chart.title for chart in draw_measure_overlays(runs)]
    assert titles == ["Entropy", "Activity", "Coherence", "Asymmetry", "Frequency"]
    assert list(draw_overlays(runs[2:])) == []


def test_the_settings_that_differ_are_listed(runs):
    found = {one.key: one.values for one in list_differences(runs)}
    assert found == {
        "loss": ["evolutionary", "structure", "evolutionary"],
        "seed": [0, 7, 0],
    }


def test_the_page_shows_all_runs(runs):
    shown = Page(render_comparison(runs, NOW))
    assert shown.loads == []
    for words in (
        "first complete 6 of 6",
        "third not begun 0 of 6",
        "2 \u00b1 0.2 -1.5 \u00b1 0.1",
    ):
        assert words in shown.text


def test_the_page_of_equal_and_empty_runs_says_so(runs):
    shown = Page(render_comparison([runs[2], runs[2]], NOW))
    for words in (
        "has an episode yet",
        "has a sample rollout",
        "has been evaluated",
        "The runs have the same",
    ):
        assert words in shown.text


def test_more_runs_than_colors_are_refused(runs):
    with pytest.raises(InputError, match="cannot compare 7 runs; the limit is 6"):
        render_comparison(runs[:1] * 7, NOW)


def test_runs_of_the_same_name_have_a_curve_each(runs, tmp_path):
    other = read_run(complete_run(tmp_path / "elsewhere" / "first", seed=7))
    shown = Page(render_comparison([runs[0], other], NOW))
    assert "first 4 to 0.667; first (2) 4 to 0.667." in shown.text
    assert "qca report first first," in shown.text
