"""Log the programs, files and probe times that `-v` shows, with the standard `logging`.

Records hold unmasked text; the handler that shows them masks the secrets. `logging` takes
milliseconds to load, so it is imported with the first record.
"""

import shlex
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike

# A word that is longer, or has several lines, is a script.
_LONGEST_WORD = 80


@dataclass
class CommandRun:
    """One run of a program, whose exit code is set once it is known."""

    exit_code: int | None = None


def format_command(words: Sequence[str | PathLike[str]]) -> str:
    """Return a command as a user would type it, without scripts."""
    return " ".join("..." if _is_script(str(word)) else shlex.quote(str(word)) for word in words)


@contextmanager
def log_command(words: Sequence[str | PathLike[str]]) -> Generator[CommandRun]:
    """Log a program with its time and exit code when the block ends."""
    run = CommandRun()
    start = time.monotonic()
    outcome = "not finished"
    try:
        yield run
        outcome = "no exit code" if run.exit_code is None else f"exit code {run.exit_code}"
    except Exception as error:
        outcome = str(error) or type(error).__name__
        raise
    finally:
        _log("ran `%s` in %.3f s: %s", format_command(words), time.monotonic() - start, outcome)


@contextmanager
def log_time(what: str) -> Generator[None]:
    """Log how long something took, when the block ends."""
    start = time.monotonic()
    outcome = "failed"
    try:
        yield
        outcome = "answered"
    finally:
        _log("%s %s after %.3f s", what, outcome, time.monotonic() - start)


def log_read(path: str | PathLike[str], size: int) -> None:
    """Log a file that was read."""
    _log("read %s, %d bytes", path, size)


def _is_script(word: str) -> bool:
    return "\n" in word or len(word) >= _LONGEST_WORD


def _log(message: str, *values: object) -> None:
    import logging

    logging.getLogger(__name__).debug(message, *values)
