"""Numbers, times and names as people read them."""

from datetime import UTC, datetime

from markupsafe import Markup, escape


def moment(time: datetime | str) -> str:
    """Return a time of the clock; in UTC, since a page is made to be shared.

    A text that is no time in ISO 8601 comes back as it is.
    """
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            return time
    return f"{time.astimezone(UTC):%-d %b %Y, %H:%M:%S} UTC"


def duration(seconds: float) -> str:
    """Return a length of time with the two digits that matter."""
    if seconds < 100:
        return f"{seconds:.2g} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if hours < 2 else f"{hours:.1f} h"


def spaced(name: str) -> str:
    """Return a key of a plan or an event as words: `trainer.budget_bytes` is "trainer: budget"."""
    return name.replace("_bytes", "").replace("_", " ").replace("-", " ").replace(".", ": ")


def count(number: int, thing: str) -> str:
    """Return "1 episode", "2 episodes"."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def prose(text: str) -> Markup:
    """Return a message as HTML, what stands between backquotes as code."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:  # one is left alone
        return escape(text)
    tagged = (
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )
    return Markup("").join(tagged)
