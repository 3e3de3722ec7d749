"""Choose the format of an output file by its name."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from qca.core.errors import InputError

F = TypeVar("F", bound=str)


def choose_by_name(path: Path, formats: Sequence[F]) -> F:
    """Return the format that the suffix of a file's name selects.

    Raises:
        InputError: the suffix is not one of the formats.

    """
    suffix = path.suffix.removeprefix(".").lower()
    for known in formats:
        if suffix == known:
            return known
    raise InputError(
        f"{path}: unknown output format {path.suffix!r}",
        hint=f"End the name in one of: {', '.join('.' + name for name in formats)}.",
    )
