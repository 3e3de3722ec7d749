"""Values that are validated become instances that cannot be changed."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from pydantic import ValidationError

from qca.core.validation import strict_dataclass, validate


@strict_dataclass
class Size:
    bytes: int
    name: str = ""


def test_what_is_validated_is_frozen():
    instance: Any = validate(Size, {"bytes": 1})
    assert instance == Size(bytes=1)
    with pytest.raises(FrozenInstanceError):
        instance.bytes = 2


@pytest.mark.parametrize("values", [{"bytes": "x"}, {"bytes": 1, "other": 2}, {}])
def test_values_that_are_not_allowed_are_refused(values):
    with pytest.raises(ValidationError):
        validate(Size, values)
