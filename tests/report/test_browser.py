"""The page in a real browser, as people see it: on a desk and on a phone, by day and by night."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from qca.report.host_section import HostSection
from qca.report.page import render_page
from qca.runs.run import read_run
from tests.report.conftest import NOW
from tests.support.run_folders import complete_run, eventful_run, write_run

LOOK = (Path(__file__).parent / "look.js").read_text()
DESK, PHONE = 1280, 390  # CSS pixels
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One browser for all: a start takes seconds."""
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in programs.items() if path is None]
    if missing:
        message = f"no {' and no '.join(missing)} here; on Debian: apt-get install chromium-driver"
        (pytest.fail if os.environ.get("CI", "").lower() in ("1", "true") else pytest.skip)(message)
    options = ChromeOptions()
    options.binary_location = str(programs["chromium"])
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(str(programs["chromedriver"])))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(host: HostSection, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The address of each page."""
    folder = tmp_path_factory.mktemp("runs")
    runs = {
        "complete": complete_run(folder / "complete"),
        "eventful": eventful_run(folder / ("longname" * 7)),
        "not begun": write_run(folder / "new", []),
    }
    for path in runs.values():
        text = render_page(read_run(path), host, NOW)
        (path / "report.html").write_text(text, encoding="utf-8")
    return {name: (path / "report.html").as_uri() for name, path in runs.items()}


def look_at(browser: Chrome, url: str, *, width: int, scheme: str = "light") -> dict[str, Any]:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    dress = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dress)
    browser.get(url)
    return browser.execute_script(LOOK)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("name", ["complete", "eventful", "not begun"])
def test_everything_can_be_read(browser, pages, name, width, scheme):
    page = look_at(browser, pages[name], width=width, scheme=scheme)
    assert page["too_wide"] == 0
    assert page["faint"] == []
    assert page["small"] == []
    assert page["overlaps"] == []
    assert page["outside"] == []
    assert page["broken"] == 0
    assert page["drawings"] == (0 if name == "not begun" else 7)
    assert page["pictures"] == (3 * 2 + 2 if name == "complete" else 0)


def test_it_is_dark_where_the_reader_wants_it_dark(browser, pages):
    by_day, by_night = (
        look_at(browser, pages["complete"], width=DESK, scheme=scheme)["paper"]
        for scheme in ("light", "dark")
    )
    assert by_day == "rgb(251, 250, 246)"
    assert by_night == "rgb(19, 21, 27)"


def test_it_asks_for_nothing_and_complains_of_nothing(browser, pages):
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # what was said before
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
