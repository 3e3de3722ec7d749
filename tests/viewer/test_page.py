"""The page in a real browser: its controls and its appearance."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from qca.viewer.page import list_field_names
from qca.viewer.simulation import Simulation
from tests.support.browser import DESK, LOOK, PHONE, open_page
from tests.support.viewer import serve

PIXELS = """
const canvas = document.getElementById("canvas");
return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data].join();
"""


@pytest.fixture(scope="module")
def url(automaton) -> Iterator[str]:
    simulations: list[Simulation] = []
    with serve(automaton, simulations) as address:
        yield address.page


@pytest.fixture
def page(browser, url) -> Chrome:
    """Return a page that has shown its first frame."""
    open_page(browser, url)
    wait_for_frames(browser, 1)
    return browser


def wait(browser: Chrome, condition) -> None:
    WebDriverWait(browser, 20, poll_frequency=0.02).until(condition)


def wait_for_frames(browser: Chrome, count: int) -> None:
    script = "return Number(document.body.dataset.frames || 0)"
    wait(browser, lambda driver: driver.execute_script(script) >= count)


def read_step(browser: Chrome) -> int:
    return int(browser.find_element(By.ID, "step").text.split()[-1].replace(",", ""))


def click(browser: Chrome, name: str) -> None:
    browser.find_element(By.ID, name).click()


def test_it_starts_pauses_and_runs_one_step(page):
    assert read_step(page) == 0
    click(page, "once")
    wait(page, lambda driver: read_step(driver) == 1)
    click(page, "play")
    wait(page, lambda driver: read_step(driver) > 5)
    assert page.find_element(By.ID, "play").text == "Pause"
    click(page, "play")
    assert page.find_element(By.ID, "play").text == "Start"
    ActionChains(page).send_keys("r").perform()
    wait(page, lambda driver: read_step(driver) == 0)
    ActionChains(page).send_keys(Keys.ARROW_RIGHT).perform()
    wait(page, lambda driver: read_step(driver) == 1)


def test_the_pointer_perturbs_the_cells_under_it(page):
    before = page.execute_script(PIXELS)
    canvas = page.find_element(By.ID, "canvas")
    ActionChains(page).move_to_element_with_offset(canvas, 5, 5).click().perform()
    wait(page, lambda driver: driver.execute_script(PIXELS) != before)
    assert read_step(page) == 0
    assert page.find_element(By.ID, "readout").text.startswith("row 4, column 4: density:0 ")


def test_fields_starts_and_seeds_can_be_chosen(page):
    fields = Select(page.find_element(By.ID, "field"))
    assert [option.text for option in fields.options] == list_field_names(3)
    fields.select_by_visible_text("coherence")
    wait(page, lambda driver: "overlap" in driver.find_element(By.ID, "ends").text)
    random = page.execute_script(PIXELS)
    Select(page.find_element(By.ID, "start")).select_by_visible_text("seed-cell")
    click(page, "reset")
    wait(page, lambda driver: driver.execute_script(PIXELS) != random)
    assert page.find_element(By.ID, "problem").text == ""


def test_the_measures_are_those_of_the_state_that_is_shown(page):
    random = page.find_element(By.ID, "measures").text
    assert "entropy" in random
    Select(page.find_element(By.ID, "start")).select_by_visible_text("seed-cell")
    click(page, "reset")
    wait(page, lambda driver: driver.find_element(By.ID, "measures").text != random)
    assert read_step(page) == 0


def test_the_zoom_enlarges_and_the_cell_under_the_pointer_stays_right(page):
    Select(page.find_element(By.ID, "zoom")).select_by_value("2")
    canvas, view = (page.find_element(By.ID, name) for name in ("canvas", "view"))
    inner = page.execute_script("return arguments[0].clientWidth", view)
    assert canvas.size["width"] == pytest.approx(2 * inner, abs=1)
    left_edge = -view.size["width"] // 2 + 9
    ActionChains(page).move_to_element_with_offset(view, left_edge, 20).perform()
    assert page.find_element(By.ID, "readout").text.startswith("row 2, column 0:")


def test_the_view_can_be_recorded(page):
    click(page, "record")
    click(page, "play")
    wait_for_frames(page, 10)
    click(page, "record")
    wait(page, lambda driver: driver.execute_script("return document.body.dataset.saved"))
    assert page.execute_script("return document.body.dataset.saved").startswith("first-step-")


CHOOSE_FIELD_AND_RECORD = """
const field = document.getElementById("field");
field.value = "1";
field.dispatchEvent(new Event("change"));
document.getElementById("record").click();
"""


def test_a_recording_can_start_before_the_first_frame_of_another_field(page):
    page.execute_script(CHOOSE_FIELD_AND_RECORD)
    assert page.find_element(By.ID, "record").get_attribute("aria-pressed") == "true"
    page.execute_script(CHOOSE_FIELD_AND_RECORD)
    wait(page, lambda driver: driver.execute_script("return document.body.dataset.saved"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
def test_everything_can_be_read(browser, url, width, scheme):
    open_page(browser, url, width=width, scheme=scheme)
    wait_for_frames(browser, 1)
    click(browser, "play")
    wait_for_frames(browser, 5)
    look = browser.execute_script(LOOK)
    assert look["too_wide"] == 0
    assert look["faint"] == []
    assert look["small"] == []


def test_the_browser_logs_nothing(browser, url):
    browser.get_log("browser")
    open_page(browser, url)
    wait_for_frames(browser, 1)
    assert browser.get_log("browser") == []
