"""Parse and format memory sizes as Dragonfly does.

The rules are those of romange/helio `strings/human_readable.cc`, and were compared with v1.40.0.
"""

import re

from infra.dragonfly.releases import NEWEST_READ, Release
from qca.core.units import KIB, MIB

STRICT_SIZES: Release = (1, 36, 0)
"""The first release that rejects text after a size's unit."""

# Like C's strtod: leading spaces, a sign, decimal or hexadecimal.
_NUMBER = r"\s*\+?(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
# A lowercase i may follow the unit, then a B. A unit of B means bytes, so BB is accepted too.
_STRICT_SIZE = re.compile(rf"{_NUMBER}(?:[bB]|(?P<unit>[kKmMgGtTpPeE])i?)?[bB]?", re.ASCII)
_LAX_SIZE = re.compile(rf"{_NUMBER}(?:(?P<unit>[kKmMgGtTpPeEbB]).*)?", re.ASCII)
_POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
_MOST = 2**63


def read_size(text: str, release: Release = NEWEST_READ) -> int | None:
    """Return the number of bytes that Dragonfly reads from `text`; None if it rejects the text."""
    pattern = _STRICT_SIZE if release >= STRICT_SIZES else _LAX_SIZE
    match = pattern.fullmatch(text)
    if match is None:
        return None
    number = match["number"]
    value = int(number, 16) if number[:2].lower() == "0x" else float(number)
    size = value * 1024 ** _POWERS[(match["unit"] or "").lower()]
    return int(size) if size < _MOST else None


def format_human_readable(size: int) -> str:
    """Return a size in the format of Dragonfly's log: ``4.00GiB``, ``512.0KiB``."""
    if size < KIB:
        return f"{size}B"
    if size < MIB:
        return f"{size / KIB:.1f}KiB"
    value, units = size / MIB, ["MiB", "GiB", "TiB", "PiB", "EiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.2f}{units[0]}"
