"""What every fact is made of: `Known`, or `Unknown` with a reason.

Facts are plain frozen dataclasses. Their annotations say what is checked of a recorded host;
the probes check by hand what a driver or another program answers them (`probes.answers`).
"""

import dataclasses
from typing import Annotated, Any, Generic, Literal, TypeVar

from qca.core.validation import Constraint, strict_dataclass

T = TypeVar("T")

Count = Annotated[int, Constraint(ge=0)]
Size = Annotated[int, Constraint(ge=0, lt=2**63)]
"""Bytes; kernels, Docker and NVML keep them in 63 or 64 bits."""


@strict_dataclass
class Known(Generic[T]):
    """A fact that was seen."""

    known: Literal[True] = True
    value: T


@strict_dataclass
class Unknown:
    """A fact that could not be seen, and why."""

    known: Literal[False] = False
    reason: str


def printable(value: T) -> T:
    """Replace bytes that are no text, as paths may hold: neither JSON nor terminals take them."""
    return _printable(value)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        return dataclasses.replace(
            value, **{name: _printable(getattr(value, name)) for name in names}
        )
    if isinstance(value, tuple):
        return tuple(_printable(one) for one in value)
    if isinstance(value, dict):
        return {_printable(key): _printable(one) for key, one in value.items()}
    return value
