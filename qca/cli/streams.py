"""Handle standard streams that are closed (`qca plan >&-`), full, or unable to encode a text."""

import codecs
import io
import os
import sys

# What we draw and a stream may be unable to encode: a mean's error, the curve of `qca status`.
_ASCII = {"±": "+/-", "…": "...", **dict(zip("▁▂▃▄▅▆▇█", "_.-~=+*#", strict=True))}


def open_closed_streams() -> None:
    """Open /dev/null for each closed standard stream.

    Otherwise the next file to be opened would get its descriptor, and the output of libraries and
    child processes would go to that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor: the closed one
            os.set_inheritable(number, True)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def replace_unencodable_characters() -> None:
    """Write ASCII in place of what a stream cannot encode, as with `LC_ALL=C`, and never raise."""
    codecs.register_error("qca", _write_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="qca")


def _write_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(
        _ASCII.get(character) or _escape(character) for character in characters
    ), error.end


def _escape(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode()


def discard_output() -> None:
    """Discard the rest of stdout: its reader is gone, or its disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
