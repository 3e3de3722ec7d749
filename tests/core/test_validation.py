"""Dataclasses that are validated: frozen as those of the standard library are."""

from copy import deepcopy
from dataclasses import FrozenInstanceError, asdict, dataclass, field, replace
from typing import Any

import pytest
from pydantic import ValidationError

from qca.core.validation import strict_dataclass, validate


@strict_dataclass
class Strict:
    size: int
    names: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


@strict_dataclass
class Same:
    size: int
    names: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Standard:
    size: int
    names: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


KINDS: list[Any] = [Standard, Strict]


@pytest.mark.parametrize("kind", KINDS)
def test_two_are_equal_if_their_fields_are(kind):
    assert kind(size=1) == kind(size=1)
    assert kind(size=1) == replace(kind(size=2), size=1)
    assert kind(size=1) == deepcopy(kind(size=1))
    assert kind(size=1) != kind(size=1, names=("a",))
    assert kind(size=1) != Same(size=1)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_ones_have_one_hash_unless_a_field_has_none(kind):
    hashable = {"size": 1, "labels": ()}
    assert len({kind(**hashable), kind(**hashable), kind(**{**hashable, "size": 2})}) == 2
    with pytest.raises(TypeError, match="unhashable type: 'dict'"):
        hash(kind(size=1))


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_names_the_fields(kind):
    assert repr(kind(size=1, names=("a",))) == f"{kind.__name__}(size=1, names=('a',), labels={{}})"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["size", "labels", "unknown"])
def test_nothing_can_be_assigned_or_deleted(kind, name):
    instance = kind(size=1)
    with pytest.raises(FrozenInstanceError, match=f"cannot assign to field '{name}'"):
        setattr(instance, name, 2)
    with pytest.raises(FrozenInstanceError, match=f"cannot delete field '{name}'"):
        delattr(instance, name)
    assert asdict(instance) == {"size": 1, "names": (), "labels": {}}


def test_what_is_validated_is_frozen_too():
    instance: Any = validate(Strict, {"size": 1})
    assert instance == Strict(size=1)
    with pytest.raises(FrozenInstanceError):
        instance.size = 2


@pytest.mark.parametrize("values", [{"size": "x"}, {"size": 1, "other": 2}, {}])
def test_values_that_are_not_allowed_are_refused(values):
    with pytest.raises(ValidationError):
        validate(Strict, values)
