"""Read values as Dragonfly v1.40 does: Abseil's numbers and switches, sizes, crontabs.

They follow the measured behavior of v1.40.0 (tests/dragonfly/data/runs.csv) and share no code with
the product, so that a test that compares the two can fail.
"""

import re

SIZE_HINT = "Use human-readable format, eg.: 500MB, 1G, 1TB"

_TRUE, _FALSE = {"1", "t", "true", "y", "yes"}, {"0", "f", "false", "n", "no"}
_UNITS = " KMGTPE"
_SIZE = re.compile(
    r"\s*\+?(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"(?:(?P<unit>[KMGTPEkmgtpe])i?|[Bb])?[Bb]?"
)

# minute, hour, day of the month, month, day of the week
_CRON_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_CRON_NAMES = {
    3: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    4: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
}
_CRON_PART = re.compile(r"(?:\*|(?P<first>\d+)(?:-(?P<last>\d+))?)(?:/(?P<step>\d+))?")


def parse_size(text: str) -> int:
    """Return the bytes of a size in binary units, in which only the i must be lowercase."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(SIZE_HINT)
    number, unit = match["number"], (match["unit"] or " ").upper()
    factor = 1024 ** _UNITS.index(unit)
    is_hexadecimal = number[:2] in ("0x", "0X")
    size = (int(number, 16) if is_hexadecimal else float(number)) * factor
    if size >= 2**63:
        raise ValueError(SIZE_HINT)
    return int(size)


def format_size(value: int) -> str:
    """Return a size as Dragonfly's log prints it: 1023B, 1.5KiB, 4.00GiB."""
    if value < 1024:
        return f"{value}B"
    scaled, units = float(value), iter("KMGTPE")
    unit = next(units)
    while scaled >= 1024**2:
        scaled, unit = scaled // 1024, next(units)
    return f"{scaled / 1024:.{1 if unit == 'K' else 2}f}{unit}iB"


def parse_switch(text: str) -> bool:
    """Return the boolean that Abseil reads."""
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def parse_integer(text: str, least: int, most: int) -> int:
    """Return a number within the bounds of its type; surrounding spaces and 0x are allowed."""
    word = text.strip()
    if "_" in word or not re.fullmatch(r"[+-]?(?:0[xX][0-9a-fA-F]+|\d+)", word, re.ASCII):
        raise ValueError
    number = int(word, 16 if "x" in word.lower() else 10)
    if not least <= number <= most or (least == 0 and word.startswith("-")):
        raise ValueError
    return number


def check_crontab(text: str) -> None:
    """Raise ValueError, with croncpp's message, for anything but a crontab of five fields."""
    if not text:
        return
    fields = text.split()
    if len(fields) != len(_CRON_BOUNDS):
        raise ValueError("cron expression must have six fields")
    for position, field in enumerate(fields):
        for number, name in enumerate(_CRON_NAMES.get(position, ()), _CRON_BOUNDS[position][0]):
            field = field.upper().replace(name, str(number))
        if not (field == "?" and position in (2, 4)):
            _check_cron_field(field, *_CRON_BOUNDS[position])


def _check_cron_field(field: str, least: int, most: int) -> None:
    for part in field.split(","):
        match = _CRON_PART.fullmatch(part)
        if match is None:
            raise ValueError("Invalid character in cron expression")
        numbers = [int(match[name]) for name in ("first", "last") if match[name]]
        in_order = numbers == sorted(numbers)
        if match["step"] and int(match["step"]) == 0:
            raise ValueError("incrementer must be a positive value")
        if not in_order or not all(least <= number <= most for number in numbers):
            raise ValueError("Specified range exceeds maximum")
