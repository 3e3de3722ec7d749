"""The player in a real browser: its content, its controls and its appearance."""

import json

import numpy as np
import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from qca.rollout.player import Player, choose_shown, embed_json, render_player
from qca.rollout.recording import draw_fields
from tests.support.browser import DESK, LOOK, PHONE, open_page

PIXELS = """
const canvas = document.getElementById("canvas");
return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
"""


@pytest.fixture(scope="module")
def page(recording, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("pages") / "rollout.html"
    player = Player("first & <last>", "5 frames of a test", fps=20)
    path.write_text(render_player(player, recording), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def player(browser, page) -> Chrome:
    """Open the page with reduced motion, so that it waits at the first frame."""
    open_page(browser, page, motion=False)
    WebDriverWait(browser, 10).until(lambda driver: read_text(driver, "ends"))
    return browser


def read_text(browser: Chrome, name: str) -> str:
    return browser.find_element(By.ID, name).text


def press(browser: Chrome, *keys: str) -> None:
    ActionChains(browser).send_keys(*keys).perform()


def read_pixels(browser: Chrome) -> np.ndarray:
    return np.array(browser.execute_script(PIXELS), np.uint8).reshape(8, 8, 4)[..., :3]


def test_it_shows_the_fields_of_the_frames_in_their_colors(player, recording):
    drawn = draw_fields(recording)
    choice = Select(player.find_element(By.ID, "field"))
    assert [option.text for option in choice.options] == ["density:1", "phase:0", "dominant"]
    for number, field in enumerate(drawn):
        choice.select_by_index(number)
        assert np.array_equal(read_pixels(player), field.paint(0))


def test_the_keyboard_does_everything(player, recording):
    density = draw_fields(recording)[0]
    press(player, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert read_text(player, "step") == "step 2"
    assert np.array_equal(read_pixels(player), density.paint(1))
    press(player, Keys.END)
    assert read_text(player, "step") == "step 8"
    press(player, "2")
    assert Select(player.find_element(By.ID, "field")).first_selected_option.text == "phase:0"
    press(player, Keys.HOME, " ")
    WebDriverWait(player, 10).until(lambda driver: read_text(driver, "step") == "step 6")
    press(player, " ")
    stopped = read_text(player, "step")
    assert read_text(player, "play") == "Play"
    player.execute_async_script("setTimeout(arguments[0], 200)")
    assert read_text(player, "step") == stopped


def test_the_mouse_scrubs_and_reads_a_cell(player, recording):
    scrub = player.find_element(By.ID, "scrub")
    ActionChains(player).move_to_element(scrub).click().perform()
    assert read_text(player, "step") == "step 4"
    canvas = player.find_element(By.ID, "canvas")
    ActionChains(player).move_to_element_with_offset(canvas, 5, 5).perform()
    assert read_text(player, "readout").startswith("row 4, column 4: density:1 ")
    value = float(read_text(player, "readout").split()[-2])
    assert value == pytest.approx(recording.stack(0)[2, 4, 4], abs=0.005)


def test_it_plays_automatically_unless_motion_is_reduced(browser, page):
    open_page(browser, page)
    WebDriverWait(browser, 10).until(lambda driver: read_text(driver, "step") == "step 6")
    assert read_text(browser, "play") == "Pause"


def test_the_measures_follow_the_frame(player, recording):
    figures = player.find_elements(By.CSS_SELECTOR, "#measures figure")
    assert [one.text.split("\n")[0] for one in figures] == [
        name.replace("_", " ") for name in recording.measures
    ]
    activity = figures[list(recording.measures).index("activity")]
    assert "unknown" in activity.text
    press(player, Keys.ARROW_RIGHT)
    assert f"{recording.measures['activity'][1]:.3g}" in activity.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
def test_everything_can_be_read(browser, page, width, scheme):
    open_page(browser, page, width=width, scheme=scheme)
    WebDriverWait(browser, 10).until(lambda driver: read_text(driver, "ends"))
    look = browser.execute_script(LOOK)
    assert look["too_wide"] == 0
    assert look["faint"] == []
    assert look["small"] == []


def test_it_loads_nothing_and_the_browser_logs_nothing(browser, page):
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    open_page(browser, page)
    WebDriverWait(browser, 10).until(lambda driver: read_text(driver, "ends"))
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    asked = {
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith("data:")} == {page}
    assert browser.get_log("browser") == []


def test_it_starts_with_the_density_that_varies_most(recording):
    assert choose_shown(draw_fields(recording)) == 0
    assert choose_shown(draw_fields(recording)[1:]) == 0


def test_nothing_in_the_data_ends_the_script():
    assert json.loads(embed_json({"name": "</script>"})) == {"name": "</script>"}
    assert "</" not in embed_json({"name": "</script>"})
