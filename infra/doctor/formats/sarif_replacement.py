"""Find the part of a line that an edit changes; the rest of the line may contain passwords."""

from infra.compose_file.line_edits import Edit, count_common_ends
from qca.core.frozen import frozen_dataclass
from qca.core.masking import mask_secrets


@frozen_dataclass
class Replacement:
    """A text, and the columns of a line that it replaces, counted from 1."""

    columns: tuple[int, int]
    text: str


def find_replacement(edit: Edit) -> Replacement | None:
    """Return the smallest replacement equivalent to the edit, or None if it would show a secret."""
    old, new = edit.old, "\n".join(edit.new)
    first, last = count_common_ends(old, new)
    text = new[first : len(new) - last]
    if mask_secrets(text) != text:
        return None
    return Replacement((first + 1, len(old) - last + 1), text)
