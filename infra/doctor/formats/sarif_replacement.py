"""The part of a line that an edit changes, without the words that stay: those may be passwords."""

from dataclasses import dataclass

from infra.compose_file.line_edits import Edit
from qca.core.masking import mask_secrets


@dataclass(frozen=True)
class Replacement:
    """A text that takes the place of some columns of a line, counted from 1."""

    columns: tuple[int, int]
    text: str


def find_replacement(edit: Edit) -> Replacement | None:
    """Return the least that changes the line as the edit does; None if that shows a secret."""
    old, new = edit.old, "\n".join(edit.new)
    first = _count_common(old, new)
    last = _count_common(old[first:][::-1], new[first:][::-1])
    text = new[first : len(new) - last]
    if mask_secrets(text) != text:
        return None
    return Replacement((first + 1, len(old) - last + 1), text)


def _count_common(text: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(text), len(other)))
