"""Parse and format sizes in bytes, durations and counts.

Units are binary throughout (1G = 1GB = 1GiB = 2**30), as in Docker (go-units `RAMInBytes`) and
Dragonfly (helio `strings/human_readable.cc`).
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any

from qca.core.errors import InputError

KIB = 2**10
MIB = 2**20
GIB = 2**30

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?:(?P<unit>[kmgtpe])i?)?b?", re.IGNORECASE)
_LARGEST = 2**63 - 1  # Docker and Dragonfly store sizes in a signed 64-bit integer


def parse_size(text: object) -> int:
    """Return the number of bytes that `text` means; all of qca parses sizes this way.

    Accepts an integer or text: a bare number (bytes), decimals, and K, M, G, T, P, E with an
    optional `i` and `B` in any case: ``4G``, ``4gb``, ``4GiB``, ``4096m``, ``1.25GiB``.

    Raises:
        InputError: for anything else, with the accepted forms as the hint.

    """
    if isinstance(text, bool) or not isinstance(text, str | int):
        raise _make_size_error(text)
    match = _SIZE.fullmatch(str(text).strip())
    if match is None:
        raise _make_size_error(text)
    size = Decimal(match["number"]) * 1024 ** _POWERS[(match["unit"] or "").lower()]
    if size > _LARGEST:
        raise InputError(
            f"{str(text)!r} is more than {format_size(_LARGEST)}",
            hint="The number of bytes must fit in a signed 64-bit integer.",
        )
    return int(size.to_integral_value(ROUND_HALF_EVEN))


def format_size(size: int) -> str:
    """Return `size` bytes in the largest fitting unit: ``512 B``, ``1.25 GiB``, ``256 MiB``."""
    if abs(size) < KIB:
        return f"{size} B"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        value /= 1024
        if abs(value) < 1024:
            return f"{value:.2f}".rstrip("0").rstrip(".") + f" {unit}"
    return f"{value / 1024:.2f}".rstrip("0").rstrip(".") + " EiB"


def format_exact_size(size: int) -> str:
    """Return the shortest text that Docker and Dragonfly both read as exactly `size` bytes."""
    for power, letter in ((3, "G"), (2, "M"), (1, "K")):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power}{letter}"
    return str(size)


def format_time_left(seconds: float) -> str:
    """Return a remaining time: ``40 s``, ``7 min``, ``3 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def format_count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 thread``, ``16 threads``, ``1,200 episodes``."""
    return f"{number:,} {pluralize(number, noun, plural)}"


def pluralize(number: int, noun: str, plural: str = "") -> str:
    """Return the form of `noun` that follows `number`: ``process`` after 1, else ``processes``."""
    return noun if number == 1 else plural or f"{noun}s"


def _make_size_error(text: object) -> InputError:
    return InputError(
        f"{str(text)!r} is not a size",
        hint="Write a number with an optional unit, for example 4G, 4GiB, 4096m or 4294967296.",
    )


def _parse_for_pydantic(value: object) -> object:
    """Return the size, or raise a ValueError, which pydantic reports with the key."""
    if not isinstance(value, str | int | float):
        return value
    try:
        _require_unit(str(value).strip())
        return value if isinstance(value, float) else parse_size(value)
    except InputError as error:
        raise ValueError(f"{error.message}. {error.hint}") from error


def _require_unit(text: str) -> None:
    """Refuse a number of bytes that is too small for any budget or store."""
    try:
        number = float(text)
    except ValueError:  # it has a unit, or is not a size
        return
    if 0 < number < MIB:
        unit = "GiB" if number < 1024 else "MiB"
        raise InputError(
            f"{text!r} without a unit means {format_size(round(number))}",
            hint=f"Did you mean {text}{unit}?",
        )


class _SizeSyntax:
    """An annotation that makes pydantic accept a size such as `2GiB`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic import BeforeValidator

        return handler.generate_schema(Annotated[source, BeforeValidator(_parse_for_pydantic)])


Size = Annotated[int, _SizeSyntax()]
"""A configured size: written as `2GiB`, stored as bytes."""
