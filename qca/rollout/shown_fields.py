"""Choose the fields that a rollout shows."""

from collections.abc import Sequence

from qca.measures.choose_field import ChosenField, choose_field
from qca.rollout.request import Format

# The fields of a page, in addition to the densities of the first components. The last one is
# defined only on a square grid.
_PAGE_FIELDS = ("phase", "dominant", "entropy", "coherence", "change", "asymmetry")
_PAGE_COMPONENTS = 4


def choose_fields(
    names: Sequence[str], format_: Format, grid: tuple[int, int], d_state: int
) -> list[ChosenField]:
    """Return the fields with these names; by default several for a page, otherwise one density.

    Raises:
        InputError: no field has this name, or the component does not exist.

    """
    chosen = names or _list_defaults(format_, grid, d_state)
    return [choose_field(name, d_state) for name in chosen]


def _list_defaults(format_: Format, grid: tuple[int, int], d_state: int) -> list[str]:
    if format_ != "html":
        return ["density:0"]
    densities = [f"density:{component}" for component in range(min(_PAGE_COMPONENTS, d_state))]
    return [*densities, *(_PAGE_FIELDS if grid[0] == grid[1] else _PAGE_FIELDS[:-1])]
