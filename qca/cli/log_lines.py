"""Write the records of the standard `logging` module to stderr; loaded only for `-v`."""

import logging
from collections.abc import Callable

from qca.cli.messages import say

_LOGGERS = tuple(logging.getLogger(package) for package in ("qca", "infra"))


class LineHandler(logging.Handler):
    """Writes each record like every other message, with secrets masked."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            say(f"debug: {self.format(record)}")
        except Exception:
            self.handleError(record)


def show_records() -> Callable[[], None]:
    """Show the records of both packages from now on; return a function that stops it."""
    handler = LineHandler()
    for logger in _LOGGERS:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)

    def hide_records() -> None:
        for logger in _LOGGERS:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)

    return hide_records
