"""How the tests run side by side: `pytest -n auto`, a worker for each processor."""

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

# Nothing here asserts a time: on a busy machine one example may take long.
settings.register_profile("qca", deadline=None)
settings.load_profile("qca")

# A trainer of these tests computes tensors so small that a second thread only waits for the
# first, the more so beside other tests. In containers it has the threads that it always has.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Each worker takes some hundred MB for torch, and as much for each trainer that it starts.
MOST_WORKERS = 4

# There is one engine, and tests look at all that is on it: they run on one worker, in their
# order.
ON_THE_ENGINE = {"engine", "older_engine", "any_engine"}


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """So many does `-n auto` start."""
    allowed = getattr(os, "sched_getaffinity", None)
    processors = len(allowed(0)) if allowed else os.cpu_count() or 1
    return min(processors, MOST_WORKERS)


@pytest.hookimpl(tryfirst=True)  # before xdist writes the groups into the names
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares something that is there once, or that takes long to make."""
    for item in items:
        if group := _group(item):
            item.add_marker(pytest.mark.xdist_group(group))


def _group(item: pytest.Item) -> str | None:
    if not isinstance(item, pytest.Function):
        return None
    if ON_THE_ENGINE.intersection(item.fixturenames):
        return "engine"
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
    """A Chromium, started when the first test needs it."""
    from tests.support.browser import open_browser

    with open_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(autouse=True)
def leave_no_safe_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what a trainer in this process tells every Python that it starts.

    `qca train` sets PYTHONSAFEPATH; an interpreter that a later test asks would not see the folder
    of its script.
    """
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
