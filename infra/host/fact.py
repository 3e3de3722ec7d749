"""What every fact is made of: `Known`, or `Unknown` with a reason.

Facts are plain frozen dataclasses. The annotations say what is checked, by pydantic, of those
that another hand fills in: a recorded host, an interpreter, a driver. What our own probes read
needs no check, and a healthy host answers sooner than pydantic has built its validators.
"""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar, dataclass_transform

from annotated_types import Ge, Lt

T = TypeVar("T")

Count = Annotated[int, Ge(0)]
Size = Annotated[int, Ge(0), Lt(2**63)]
"""Bytes; kernels, Docker and NVML keep them in 63 or 64 bits."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def fact(cls: type[T]) -> type[T]:
    """Make a class a part of what is known of a host: frozen, and with no field but its own."""
    cls.__pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True)(cls)


class Tagged:
    """In the annotation of a union: which of its members a document means, its `key` tells."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Leave it to pydantic, once it is loaded."""
        from pydantic import Discriminator

        return Discriminator(self.key).__get_pydantic_core_schema__(source, handler)


@fact
class Known(Generic[T]):
    """A fact that was seen."""

    known: Literal[True] = True
    value: T


@fact
class Unknown:
    """A fact that could not be seen, and why."""

    known: Literal[False] = False
    reason: str


def checked(found: T) -> T:
    """Return what another program filled in, if it is what the annotations say.

    Raises:
        ValueError: with every part that is not.

    """
    from pydantic import TypeAdapter

    return TypeAdapter(type(found)).validate_python(dataclasses.asdict(found))  # type: ignore[call-overload]


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
