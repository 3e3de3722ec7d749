"""Parse versions of programs and kernels into tuples that can be compared."""

import re

# At most nine digits: a longer number is not a version, and would be slow to convert.
_RELEASE = re.compile(r"v?([0-9]{1,9}(?:\.[0-9]{1,9})*)")


def parse_version(text: str) -> tuple[int, ...]:
    """Return the numbers at the start of a version; an empty tuple if there are none.

    Ignores the rest of the text: `v29.2.1-rc.1` is (29, 2, 1), `6.1.0-18-amd64` is (6, 1, 0). The
    empty tuple is lower than any other.
    """
    match = _RELEASE.match(text)
    return tuple(int(number) for number in match[1].split(".")) if match else ()
