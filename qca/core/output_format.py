"""The format of an output file, which its name chooses."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from qca.core.errors import InputError

F = TypeVar("F", bound=str)


def choose_by_name(path: Path, formats: Sequence[F]) -> F:
    """Return the format that a file's name ends in.

    Raises:
        InputError: it ends in none of them.

    """
    suffix = path.suffix.removeprefix(".").lower()
    for known in formats:
        if suffix == known:
            return known
    raise InputError(
        f"{path}: its name does not say what to write",
        hint=f"Let it end in one of: {', '.join('.' + one for one in formats)}.",
    )
