"""The two states of a fact: `Known`, or `Unknown` with a reason.

Facts are plain frozen dataclasses. Their annotations define the validation of a recorded host; the
probes validate the answers of drivers and programs by hand (`probes.answer_fields`).
"""

import dataclasses
from typing import Annotated, Any, Generic, Literal, TypeVar, cast

from qca.core.json_object import is_object
from qca.core.validation import Constraint, strict_dataclass

T = TypeVar("T")

Count = Annotated[int, Constraint(ge=0)]
Size = Annotated[int, Constraint(ge=0, lt=2**63)]
"""A number of bytes; kernels, Docker and NVML store such numbers in 63 or 64 bits."""


@strict_dataclass
class Known(Generic[T]):
    """A fact that was determined."""

    known: Literal[True] = True
    value: T


@strict_dataclass
class Unknown:
    """A fact that could not be determined, with the reason."""

    known: Literal[False] = False
    reason: str


def require(fact: Known[T] | Unknown | None) -> T:
    """Return the value of a fact that the caller requires to be known.

    Raises:
        LookupError: the fact is unknown or was not collected.

    """
    if fact is None:
        raise LookupError("a fact that is not listed in `needs` was not requested")
    if isinstance(fact, Unknown):
        raise LookupError(f"a fact that is not listed in `needs` is unknown: {fact.reason}")
    return fact.value


def known_or_none(fact: Known[T] | Unknown) -> T | None:
    """Return a fact's value; None if it is unknown."""
    return fact.value if isinstance(fact, Known) else None


def replace_unprintable(value: T) -> T:
    """Replace undecodable bytes in paths; JSON and terminals cannot represent them."""
    return _replace_unprintable(value)


def _replace_unprintable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        return dataclasses.replace(
            value, **{name: _replace_unprintable(getattr(value, name)) for name in names}
        )
    if isinstance(value, tuple):
        return tuple(_replace_unprintable(item) for item in cast("tuple[Any, ...]", value))
    if is_object(value):
        return {
            _replace_unprintable(key): _replace_unprintable(item) for key, item in value.items()
        }
    return value
