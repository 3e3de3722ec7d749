"""Strictly parse the JSON messages from a page."""

import json
from dataclasses import dataclass
from typing import Literal, TypeVar

from qca.core.errors import InputError
from qca.core.validation import strict_dataclass, validate

FASTEST = 100
"""The largest number of steps between two frames."""


@dataclass(frozen=True)
class Simple:
    """A message without values; `shown` acknowledges a frame."""

    kind: Literal["play", "pause", "step", "shown"]


@strict_dataclass
class Reset:
    """Restart from an initial state."""

    seed: int
    start: str


@strict_dataclass
class ChooseField:
    """Show another field."""

    name: str


@strict_dataclass
class ChooseSpeed:
    """Set the number of steps between two frames."""

    steps: int


@strict_dataclass
class Perturb:
    """Replace the cells around a cell."""

    row: int
    column: int
    radius: int


Message = Simple | Reset | ChooseField | ChooseSpeed | Perturb

T = TypeVar("T")

_KINDS: dict[str, type[Reset] | type[ChooseField] | type[ChooseSpeed] | type[Perturb]] = {
    "reset": Reset,
    "field": ChooseField,
    "speed": ChooseSpeed,
    "perturb": Perturb,
}


def parse_message(text: str | bytes) -> Message:
    """Parse a message from the page.

    Raises:
        InputError: it is not a valid message.

    """
    try:
        values = json.loads(text)
        kind = values.pop("kind")
        if kind in ("play", "pause", "step", "shown") and not values:
            return Simple(kind)
        message = validate(_KINDS[kind], values)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(
            f"invalid message: {str(error).splitlines()[0]}",
            hint="Reload the page; it may be from another version of qca.",
        ) from None
    if isinstance(message, ChooseSpeed) and not 1 <= message.steps <= FASTEST:
        raise InputError(
            f"invalid speed: {message.steps} steps per frame", hint=f"Choose 1 to {FASTEST}."
        )
    if isinstance(message, Reset) and message.seed < 0:
        raise InputError(f"invalid seed: {message.seed}", hint="Choose 0 or more.")
    return message
