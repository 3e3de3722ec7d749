"""Frozen dataclasses that share their methods behave as those of the standard library."""

from copy import deepcopy
from dataclasses import FrozenInstanceError, asdict, dataclass, field, replace
from typing import Any

import pytest

from qca.core.frozen import frozen_dataclass
from qca.core.validation import strict_dataclass


@dataclass(frozen=True)
class Standard:
    size: int
    names: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


@frozen_dataclass
class Frozen:
    size: int
    names: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


@frozen_dataclass
class Derived(Frozen):
    pass


@strict_dataclass
class Strict:
    size: int
    names: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


every_kind = pytest.mark.parametrize("kind", [Standard, Frozen, Derived, Strict])


@every_kind
def test_instances_are_equal_if_their_fields_are(kind):
    assert kind(size=1) == kind(size=1)
    assert kind(size=1) == replace(kind(size=2), size=1)
    assert kind(size=1) == deepcopy(kind(size=1))
    assert kind(size=1) != kind(size=1, names=("a",))


def test_two_of_different_classes_are_not_equal():
    kinds: list[Any] = [Standard, Frozen, Derived]
    assert len({kind(1, labels=()) for kind in kinds}) == 3


@every_kind
def test_equal_instances_have_the_same_hash_if_hashable(kind):
    hashable = {"size": 1, "labels": ()}
    assert len({kind(**hashable), kind(**hashable), kind(**{**hashable, "size": 2})}) == 2
    with pytest.raises(TypeError, match="unhashable type: 'dict'"):
        hash(kind(size=1))


@every_kind
def test_the_repr_names_the_fields(kind):
    assert repr(kind(size=1, names=("a",))) == f"{kind.__name__}(size=1, names=('a',), labels={{}})"


@every_kind
@pytest.mark.parametrize("name", ["size", "labels", "unknown"])
def test_nothing_can_be_assigned_or_deleted(kind, name):
    instance: Any = kind(size=1)
    with pytest.raises(FrozenInstanceError, match=f"cannot assign to field '{name}'"):
        setattr(instance, name, 2)
    with pytest.raises(FrozenInstanceError, match=f"cannot delete field '{name}'"):
        delattr(instance, name)
    assert asdict(instance) == {"size": 1, "names": (), "labels": {}}
