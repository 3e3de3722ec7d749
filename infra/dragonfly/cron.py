"""Validate the crontab of --snapshot_cron according to the grammar of croncpp.

Dragonfly prepends a field for the seconds to the crontab's five, and parses it with croncpp:
https://github.com/mariusbancila/croncpp (`make_cron` with its standard traits).
"""

import re

# The ranges of minutes, hours, days of the month, months, and days of the week (0 is Sunday; 7 is
# invalid).
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_DAYS_OF_MONTH, _MONTHS, _DAYS_OF_WEEK = 2, 3, 4
_MONTH_NAMES = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"
_DAY_NAMES = "SUN MON TUE WED THU FRI SAT"
_NAMES = {
    _MONTHS: dict(enumerate(_MONTH_NAMES.split(), 1)),
    _DAYS_OF_WEEK: dict(enumerate(_DAY_NAMES.split())),
}
_NUMBER = re.compile(r"[0-9]{1,3}")


def is_crontab(text: str) -> bool:
    """Return whether croncpp accepts the text as a crontab of five fields separated by spaces."""
    fields = [field for field in text.split(" ") if field]
    if len(fields) != len(_BOUNDS):
        return False
    return all(_is_field(field, position) for position, field in enumerate(fields))


def _is_field(field: str, position: int) -> bool:
    if field == "?" and position in (_DAYS_OF_MONTH, _DAYS_OF_WEEK):
        return True
    parts = _replace_names(field, position).removesuffix(",").split(",")
    return all(_is_part(part, *_BOUNDS[position]) for part in parts)


def _replace_names(field: str, position: int) -> str:
    """Return the field with the first occurrence of each month's or day's name replaced."""
    field = field.upper()
    for number, name in _NAMES.get(position, {}).items():
        field = field.replace(name, str(number), 1)
    return field


def _is_part(part: str, least: int, most: int) -> bool:
    span, slash, step = part.partition("/")
    if slash and (not _NUMBER.fullmatch(step) or int(step) == 0):
        return False
    if span == "*":
        return True
    first, dash, last = span.partition("-")
    numbers = (first, last) if dash else (first, first)
    if not all(_NUMBER.fullmatch(number) for number in numbers):
        return False
    return least <= int(numbers[0]) <= int(numbers[1]) <= most


def convert_save_schedule(schedule: str) -> str:
    """Return the crontab for save_schedule's `HH:MM`, in which `*` means any; empty if invalid."""
    match = re.fullmatch(r"(?P<hour>\*|[0-9]{1,2}):(?P<minute>\*|[0-9]{1,2})", schedule)
    if match is None:
        return ""
    hour, minute = (
        text if text == "*" else str(int(text)) for text in (match["hour"], match["minute"])
    )
    crontab = f"{minute} {hour} * * *"
    return crontab if is_crontab(crontab) else ""
