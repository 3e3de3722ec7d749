"""Read and write sizes, durations and numbers of CPUs as Compose does."""

import math
import re
import struct

_KIB = 1024
_PREFIXES = "kmgtp"
_NUMBER = re.compile(r"[-+]?([0-9]+(_[0-9]+)*\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", re.ASCII)
_LARGEST = 2**63 - 1
_INTEGER = re.compile(r"[+]?[0-9]+", re.ASCII)
_DURATION = re.compile(
    r"[-+]?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w|y))+|[-+]?0", re.ASCII
)


def parse_docker_size(text: str) -> int:
    """Return a size in bytes as docker/go-units reads it: `2g`, `2 GiB`, `1.5e3m`.

    Raises:
        ValueError: it is not a size; the message is that of go-units.

    """
    if _INTEGER.fullmatch(text):
        return int(text)
    split = max(text.rfind(character) for character in "0123456789. ") + 1
    if not split:
        raise ValueError(f"invalid size: '{text}'")
    number, suffix = text[:split], text[split:].lower()
    size = _parse_float(number.removesuffix(" "))
    if size < 0:
        raise ValueError(f"invalid size: '{text}'")
    if suffix in ("", "b"):
        return _to_integer(size)
    if suffix[0] not in _PREFIXES or suffix[1:] not in ("", "b", "ib"):
        raise ValueError(f"invalid suffix: '{text[split:]}'")
    return _to_integer(size * _KIB ** (_PREFIXES.index(suffix[0]) + 1))


def _parse_float(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f'parsing "{text}": invalid syntax')
    number = float(text)
    if math.isinf(number):
        raise ValueError(f'parsing "{text}": value out of range')
    return number


def _to_integer(size: float) -> int:
    return int(size) if size <= _LARGEST else -_LARGEST - 1  # the result of Go's overflow


def parse_cpus(text: str) -> float:
    """Return a number of CPUs, with the precision that Compose keeps.

    Raises:
        ValueError: it is not a number.

    """
    return round_to_single(_parse_float(text))


def round_to_single(number: float) -> float:
    """Return the shortest decimal that is equal in single precision."""
    try:
        (single,) = struct.unpack("f", struct.pack("f", number))
    except (OverflowError, struct.error):
        return number
    for digits in range(1, 10):
        short = float(f"{single:.{digits}g}")
        if struct.pack("f", short) == struct.pack("f", single):
            return short
    return single


def is_duration(text: str) -> bool:
    """Return whether Compose accepts the duration, such as `1m30s` or `2h`."""
    return _DURATION.fullmatch(text) is not None
