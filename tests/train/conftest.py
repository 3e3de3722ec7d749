"""Fixtures of the trainer's tests."""

from collections.abc import Iterator

import pytest

from tests.support import distributed_training


@pytest.fixture(autouse=True)
def no_training_left_behind() -> Iterator[None]:
    """Stop the trainers that a failed test has left running."""
    yield
    distributed_training.end_all()
