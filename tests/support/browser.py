"""A Chromium for tests of pages, shared by all tests since starting it takes seconds."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

LOOK = (Path(__file__).parent / "look.js").read_text()
DESK, PHONE = 1280, 390  # CSS pixels
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@contextmanager
def open_browser(profile: Path) -> Iterator[Chrome]:
    """Yield a browser; without one, skip the test, or fail in CI."""
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in programs.items() if path is None]
    if missing:
        message = f"no {' and no '.join(missing)}; on Debian: apt-get install chromium-driver"
        in_ci = os.environ.get("CI", "").lower() in ("1", "true")
        (pytest.fail if in_ci else pytest.skip)(message)
    options = ChromeOptions()
    options.binary_location = str(programs["chromium"])
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(str(programs["chromedriver"])))
    try:
        yield driver
    finally:
        driver.quit()


def open_page(
    browser: Chrome, url: str, *, width: int = DESK, scheme: str = "light", motion: bool = True
) -> None:
    """Open a page in a window of this width, in a light or a dark scheme."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "no-preference" if motion else "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(url)


def look_at(browser: Chrome, url: str, *, width: int, scheme: str = "light") -> dict[str, Any]:
    """Open a page without scripts, and return the properties that a reader sees."""
    open_page(browser, url, width=width, scheme=scheme)
    return browser.execute_script(LOOK)
