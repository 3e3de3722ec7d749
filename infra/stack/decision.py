"""Planned values with their reasons, and functions that separate values from reasons."""

from dataclasses import fields, is_dataclass
from typing import Any, Generic, NoReturn, TypeVar, cast

from qca.core.config import TrainConfig
from qca.core.frozen import frozen_dataclass

GIVEN = "set in the configuration"
KEPT = "the run already has this value"
NOT_SHOWN = {"shown": False}
"""The metadata of a field that is not part of the plan's document."""

T_co = TypeVar("T_co", covariant=True)


@frozen_dataclass
class Decision(Generic[T_co]):
    """A value that the plan chose, with the reason."""

    value: T_co
    because: str

    def __bool__(self) -> NoReturn:
        """Raise TypeError, because a Decision with False or None would count as true."""
        raise TypeError("a Decision is neither true nor false; its value may be")


def explain_setting(train: TrainConfig, key: str) -> str:
    """Return why `train` has the value of a key that is not chosen here."""
    return KEPT if key in train.kept else GIVEN


def strip_reasons(plan: Any) -> Any:
    """Return the dataclass `plan` as nested dicts, with each Decision replaced by its value."""
    if isinstance(plan, Decision):
        return cast("Decision[Any]", plan).value
    if is_dataclass(plan):
        shown = (field.name for field in fields(plan) if field.metadata.get("shown", True))
        return {name: strip_reasons(getattr(plan, name)) for name in shown}
    return plan


def list_decisions(plan: Any, prefix: str = "") -> dict[str, Decision[Any]]:
    """Return every Decision in the dataclass `plan` by its path (`dragonfly.maxmemory_bytes`)."""
    decisions: dict[str, Decision[Any]] = {}
    for field in fields(plan):
        path, value = f"{prefix}{field.name}", getattr(plan, field.name)
        if isinstance(value, Decision):
            decisions[path] = value
        elif is_dataclass(value):
            decisions |= list_decisions(value, f"{path}.")
    return decisions
