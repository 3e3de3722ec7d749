"""The page in a real browser, on a desktop and on a phone, in light and in dark mode."""

import json

import pytest

from qca.report.comparison import render_comparison
from qca.report.host_section import HostSection
from qca.report.page import render_page
from qca.runs.evaluation import write_evaluation
from qca.runs.run import read_run
from tests.report.conftest import EVALUATION, NOW
from tests.support.browser import DESK, PHONE, look_at
from tests.support.run_folders import complete_run, eventful_run, write_run


@pytest.fixture(scope="module")
def pages(host: HostSection, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the address of each page."""
    folder = tmp_path_factory.mktemp("runs")
    runs = {
        "complete": complete_run(folder / "complete"),
        "eventful": eventful_run(folder / ("longname" * 7)),
        "not begun": write_run(folder / "new", []),
    }
    write_evaluation(runs["complete"] / "evaluation.json", EVALUATION)
    compared = folder / "comparison.html"
    both = [read_run(runs[name]) for name in ("complete", "eventful")]
    compared.write_text(render_comparison(both, NOW), encoding="utf-8")
    for path in runs.values():
        text = render_page(read_run(path), host, NOW)
        (path / "report.html").write_text(text, encoding="utf-8")
    addresses = {name: (path / "report.html").as_uri() for name, path in runs.items()}
    return {**addresses, "compared": compared.as_uri()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("name", ["complete", "eventful", "not begun", "compared"])
def test_everything_can_be_read(browser, pages, name, width, scheme):
    page = look_at(browser, pages[name], width=width, scheme=scheme)
    assert page["too_wide"] == 0
    assert page["faint"] == []
    assert page["small"] == []
    assert page["overlaps"] == []
    assert page["outside"] == []
    assert page["broken"] == 0
    drawings = {"complete": 7 + 5, "eventful": 7, "not begun": 0, "compared": 4 + 5}
    assert page["drawings"] == drawings[name]
    assert page["pictures"] == (2 * 2 if name == "complete" else 0)


def test_it_follows_the_readers_dark_mode(browser, pages):
    by_day, by_night = (
        look_at(browser, pages["complete"], width=DESK, scheme=scheme)["paper"]
        for scheme in ("light", "dark")
    )
    assert by_day == "rgb(251, 250, 246)"
    assert by_night == "rgb(19, 21, 27)"


def test_it_loads_nothing_and_the_browser_logs_nothing(browser, pages):
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # earlier log entries
    for url in pages.values():
        look_at(browser, url, width=DESK)
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    asked = {
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith("data:")} == set(pages.values())
    assert browser.get_log("browser") == []
