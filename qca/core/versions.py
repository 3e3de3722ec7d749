"""Versions of programs and kernels, as numbers that compare."""

import re

# Nine digits: a longer number is not a version, and would take long to convert.
_RELEASE = re.compile(r"v?([0-9]{1,9}(?:\.[0-9]{1,9})*)")


def parse_version(text: str) -> tuple[int, ...]:
    """Return the numbers that a version starts with; empty if it is not a version.

    The rest of the text is ignored: `v29.2.1-rc.1` is (29, 2, 1), `6.1.0-18-amd64` is (6, 1, 0).
    An empty version is lower than any other.
    """
    match = _RELEASE.match(text)
    return tuple(int(number) for number in match[1].split(".")) if match else ()
