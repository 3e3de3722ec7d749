"""What the trainer's tests share."""

from collections.abc import Iterator

import pytest

from tests.train import together


@pytest.fixture(autouse=True)
def no_training_left_behind() -> Iterator[None]:
    """A test that fails leaves none running."""
    yield
    together.end_all()
