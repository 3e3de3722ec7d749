"""What a page may ask for: JSON messages, read strictly."""

import json
from dataclasses import dataclass
from typing import Literal, TypeVar

from qca.core.errors import InputError
from qca.core.validation import strict_dataclass, validate

FASTEST = 100
"""Steps between two frames at the most."""


@dataclass(frozen=True)
class Simple:
    """A message without anything in it; `shown` is the answer to a frame."""

    kind: Literal["play", "pause", "step", "shown"]


@strict_dataclass
class Reset:
    """Begin anew."""

    seed: int
    start: str


@strict_dataclass
class ChooseField:
    """Look at another field."""

    name: str


@strict_dataclass
class ChooseSpeed:
    """Make so many steps between two frames."""

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
    """Read a message of the page.

    Raises:
        InputError: it is none.

    """
    try:
        values = json.loads(text)
        kind = values.pop("kind")
        if kind in ("play", "pause", "step", "shown") and not values:
            return Simple(kind)
        message = validate(_KINDS[kind], values)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(
            f"not a message of this page: {str(error).splitlines()[0]}",
            hint="Reload the page; it may be of another version.",
        ) from None
    if isinstance(message, ChooseSpeed) and not 1 <= message.steps <= FASTEST:
        raise InputError(
            f"a speed of {message.steps} steps a frame is not possible",
            hint=f"Choose 1 to {FASTEST}.",
        )
    if isinstance(message, Reset) and message.seed < 0:
        raise InputError(f"the seed is {message.seed}", hint="Choose 0 or more.")
    return message
