"""Configure parallel test runs: `pytest -n auto` starts a worker more than processors."""

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

# No test asserts a time: on a busy machine one example may take long.
settings.register_profile("qca", deadline=None)
settings.load_profile("qca")

# The trainers in these tests compute tensors so small that a second thread only waits for the
# first, especially while other tests run. In containers the number of threads is not changed.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Without bytecode, each program that a test starts would compile qca anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Each worker takes some hundred MB for torch, and as much for each trainer that it starts.
MOST_WORKERS = 4

# The tests of a group run on one worker, in order. There is one engine, and tests check everything
# on it; a browser and the exported files of an automaton take seconds to start or to write.
GROUPS = {
    "engine": {"engine", "older_engine", "any_engine"},
    "browser": {"browser"},
    "exports": {"exports"},
}


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of workers for `-n auto`; the engine's worker mostly waits for it."""
    allowed = getattr(os, "sched_getaffinity", None)
    processors = len(allowed(0)) if allowed else os.cpu_count() or 1
    return min(processors + 1, MOST_WORKERS)


@pytest.hookimpl(tryfirst=True)  # before xdist adds the groups to the names
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group tests that share a unique resource, or one that is slow to create."""
    for item in items:
        if group := _group(item):
            item.add_marker(pytest.mark.xdist_group(group))


def _group(item: pytest.Item) -> str | None:
    if not isinstance(item, pytest.Function):
        return None
    used = set(item.fixturenames)
    if item.get_closest_marker("reads_engine"):
        used -= GROUPS["engine"]
    for group, fixtures in GROUPS.items():
        if used & fixtures:
            return group
    made = item._fixtureinfo.name2fixturedefs.values()
    return item.nodeid.split("::")[0] if any(one[-1].scope == "module" for one in made) else None


def pytest_sessionstart() -> None:
    """Collect no garbage while the tests are collected: nearly all of it stays."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Exclude from now on what was loaded; a trainer that ends looks through all other objects."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Chrome]":
    """A Chromium, which is started when the first test needs it."""
    from tests.support.browser import open_browser

    with open_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(autouse=True)
def leave_no_safe_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo the settings of a trainer in this process for the Pythons that it starts.

    `qca train` sets PYTHONSAFEPATH, with which an interpreter in a later test would not see the
    folder of its script.
    """
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
