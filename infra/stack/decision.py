"""A planned value with the reason for it, and a plan taken apart into values and reasons."""

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, NoReturn, TypeVar, cast

GIVEN = "given in the configuration"

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Decision(Generic[T_co]):
    """A value that the plan decided on, and why."""

    value: T_co
    because: str

    def __bool__(self) -> NoReturn:
        """Refuse to be a condition: a Decision for False or None would count as true."""
        raise TypeError("a Decision is neither true nor false; its value may be")


def strip_reasons(plan: Any) -> Any:
    """Return `plan`, a dataclass, as nested dicts; each Decision becomes its bare value."""
    if isinstance(plan, Decision):
        return cast("Decision[Any]", plan).value
    if is_dataclass(plan):
        return {field.name: strip_reasons(getattr(plan, field.name)) for field in fields(plan)}
    return plan


def list_decisions(plan: Any, prefix: str = "") -> dict[str, Decision[Any]]:
    """Return every Decision in `plan`, a dataclass, by its path: `dragonfly.maxmemory_bytes`."""
    decisions: dict[str, Decision[Any]] = {}
    for field in fields(plan):
        path, value = f"{prefix}{field.name}", getattr(plan, field.name)
        if isinstance(value, Decision):
            decisions[path] = value
        elif is_dataclass(value):
            decisions |= list_decisions(value, f"{path}.")
    return decisions
