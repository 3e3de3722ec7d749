"""What every fact is made of: `Known`, or `Unknown` with a reason."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

T = TypeVar("T")


def _printable(value: object) -> object:
    """Replace bytes that are no text, as paths may hold: neither JSON nor terminals take them."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_printable)]
Count = Annotated[int, Field(ge=0)]
Size = Annotated[int, Field(ge=0, lt=2**63)]
"""Bytes; kernels, Docker and NVML keep them in 63 or 64 bits."""


class FactModel(BaseModel):
    """A part of what is known of a host: frozen, and with no field but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Known(FactModel, Generic[T]):
    """A fact that was seen."""

    known: Literal[True] = True
    value: T


class Unknown(FactModel):
    """A fact that could not be seen, and why."""

    known: Literal[False] = False
    reason: Text
