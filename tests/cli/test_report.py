"""`qca report` writes the page of a run, and reports errors."""

import json
import re
import signal

import pytest

from tests.report.conftest import HOSTS
from tests.support.program import ENDLESS
from tests.support.run_folders import complete_run

HOST = HOSTS / "cpu-engine.json"


def test_a_finished_run_gets_its_page(trainable):
    trainable("train")
    done = trainable("report", "first")
    assert done.stdout == ""
    assert "Wrote runs/first/report.html." in done.stderr
    page = (trainable.folder / "runs" / "first" / "report.html").read_text()
    assert ">complete</span>" in page
    assert "6 of 6 episodes" in page
    assert "One rollout of 5 steps" in page
    assert page.count('<img src="data:image/png') == 2 * 2
    assert "From 1 to " in page  # the energy


def test_the_page_of_a_stopped_run_says_how_to_get_its_pictures(trainable):
    page = trainable.folder / "runs" / "first" / "report.html"
    with trainable.start("train", *ENDLESS) as train:
        train.wait_for_stderr("episode 1/")
        train.end(signal.SIGTERM)
    trainable("report", "first")
    [episodes] = re.findall(r"Add <code>--episodes (\d+)</code> to get", page.read_text())
    trainable("train", "--resume", "--episodes", episodes)
    trainable("report", "first")
    assert f"by the model after episode {int(episodes):,}." in page.read_text()

    more = int(episodes) + 1
    trainable("train", "--resume", "--episodes", more)
    trainable("report", "first")
    assert f"{more:,} of {more:,} episodes" in page.read_text()


@pytest.fixture
def made(qca):
    """The program in a folder with a run."""
    complete_run(qca.folder / "runs" / "first")
    return qca


def test_a_run_in_another_folder_gets_its_page(made):
    (made.folder / "runs" / "first").rename(made.folder / "copied")
    made("report", "copied", "--facts", HOST, "-o", "pages/one.html")
    assert (made.folder / "pages" / "one.html").exists()
    assert not (made.folder / "copied" / "report.html").exists()


def test_a_run_of_another_version_is_refused_with_its_key(made):
    file = made.folder / "runs" / "first" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "flux": 1}))
    done = made("report", "first", check=2)
    assert "runs/first/config.json: flux" in done.stderr
    assert "Another version" in done.stderr
    assert not (made.folder / "runs" / "first" / "report.html").exists()


def test_a_page_that_cannot_be_written_is_reported(made):
    (made.folder / "file").touch()
    done = made("report", "first", "--facts", HOST, "-o", "file/page.html", check=1)
    assert "file/page.html" in done.stderr
