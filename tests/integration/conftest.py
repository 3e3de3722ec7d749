"""Fixtures with the real engine of the test bed, and stacks on it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.stack import Stack, Training, new_stack
from tests.testbed.fixtures import *  # noqa: F403
from tests.testbed.fixtures import Engine


@pytest.fixture(scope="session")
def settings(engine: Engine) -> dict[str, str]:
    """The test bed's images for `qca`, and the CA bundle of a network with its own certificates."""
    variables = {
        "QCA_STACK_STORE_IMAGE": engine.images.store,
        "QCA_STACK_BASE_IMAGE": engine.images.python,
    }
    bundle = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    return variables | ({"QCA_STACK_CA_BUNDLE": bundle} if bundle else {})


@pytest.fixture
def new(engine: Engine, settings: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """A function that creates stacks: `new(proactor_threads=16)` sets that key in `[stack]`."""
    with ExitStack() as made:

        def make(name: str = "here", **table: object) -> Stack:
            return made.enter_context(new_stack(engine, tmp_path / name, settings, **table))

        yield make


@pytest.fixture
def stack(new: Callable[..., Stack]) -> Stack:
    """A stack in an empty folder with a tiny training configuration."""
    return new()


@pytest.fixture(scope="module")
def training(
    engine: Engine, settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Training]:
    """An endless run, shared by a module's tests."""
    with new_stack(engine, tmp_path_factory.mktemp("training"), settings) as stack:
        shared = Training(stack)
        try:
            yield shared
        finally:
            shared.close()
