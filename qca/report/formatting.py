"""Format numbers, times and names for the page."""

from datetime import UTC, datetime

from markupsafe import Markup, escape

from qca.runs.evaluation import Statistic


def format_time(time: datetime | str) -> str:
    """Return a date and time in UTC, since pages are shared across time zones.

    A string that is not in ISO 8601 is returned unchanged.
    """
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            return time
    try:
        time = time.astimezone(UTC)
    except OverflowError:  # the year is below 1 or above 9999
        return time.isoformat()
    return f"{time:%-d %b %Y, %H:%M:%S} UTC"


def format_duration(seconds: float) -> str:
    """Return a duration with two significant digits."""
    if seconds < 100:
        return f"{seconds:.2g} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if hours < 2 else f"{hours:.1f} h"


def format_key(name: str) -> str:
    """Return a key of a plan or an event in words: `trainer.budget_bytes` is "trainer: budget"."""
    return name.replace("_bytes", "").replace("_", " ").replace("-", " ").replace(".", ": ")


def render_prose(text: str) -> Markup:
    """Return a message as HTML, with text between backquotes as code."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:  # the backquotes do not pair up
        return escape(text)
    tagged = (
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )
    return Markup("").join(tagged)


def format_statistic(statistic: Statistic | None) -> str:
    """Return a mean with its standard error, such as ``2.31 ± 0.02``, or ``unknown``."""
    if statistic is None or statistic.mean is None or statistic.standard_error is None:
        return "unknown"
    return f"{statistic.mean:.4g} ± {statistic.standard_error:.1g}"
