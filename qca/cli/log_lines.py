"""The records of the standard `logging` as lines on stderr; loaded for `-v` alone."""

import logging
from collections.abc import Callable

from qca.cli.messages import say

_LOGGERS = tuple(logging.getLogger(package) for package in ("qca", "infra"))


class LineHandler(logging.Handler):
    """Writes each record as every other message is written, without secrets."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            say(f"debug: {self.format(record)}")
        except Exception:
            self.handleError(record)


def show_records() -> Callable[[], None]:
    """Show the records of both packages from now on; return what ends that."""
    handler = LineHandler()
    for logger in _LOGGERS:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)

    def hide_records() -> None:
        for logger in _LOGGERS:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)

    return hide_records
