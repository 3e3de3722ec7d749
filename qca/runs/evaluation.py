"""The result of `qca evaluate`: `evaluation.json` in the run folder. Works without torch."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from pydantic import TypeAdapter, ValidationError

from qca.core.atomic_files import write_atomically
from qca.core.errors import InputError
from qca.core.json_object import parse_object
from qca.core.plain_files import read_plain
from qca.core.units import MIB

SCHEMA_VERSION = 1

# A file holds a few kilobytes per run and condition.
_LARGEST_FILE = 16 * MIB

# In standard errors: by chance alone, in 5% of cases, a mean differs from 0 by more than two of
# them.
_CLEAR = 2.0


@dataclass(frozen=True)
class Statistic:
    """A mean over initial states."""

    mean: float | None
    """None if the mean is not finite, or has no meaning here."""
    standard_error: float | None
    """The standard error of the mean; None if the mean is None."""

    @classmethod
    def from_values(cls, values: Sequence[float]) -> "Statistic":
        """Return the mean of at least two values, with its standard error."""
        if not all(math.isfinite(value) for value in values):
            return cls(None, None)
        return cls(fmean(values), stdev(values) / math.sqrt(len(values)))

    def is_clear(self) -> bool:
        """Return whether the mean differs from 0 by more than chance would explain."""
        if self.mean is None or self.standard_error is None:
            return False
        return abs(self.mean) > _CLEAR * self.standard_error


@dataclass(frozen=True)
class Trial:
    """The results of one automaton under one condition."""

    automaton: str
    """The run's name, or `untrained`."""
    condition: str
    steps: int
    grid: int
    values: Mapping[str, Statistic]
    """Results by name: `loss`, its terms as `loss.TERM`, and the measures of the last state."""
    loss_difference: Statistic | None = None
    """The loss minus the untrained network's from the same states. It is None for the untrained
    network itself, and for a run with a different number of components, whose states differ."""


@dataclass(frozen=True)
class Evaluation:
    """Trials of a run and of the runs that it is compared with, from the same initial states."""

    run: str
    episode: int | None
    loss: str
    states: int
    seed: int
    trials: Sequence[Trial]

    def list_conditions(self) -> list[str]:
        """Return the conditions in the order of the trials."""
        return list(dict.fromkeys(trial.condition for trial in self.trials))

    def select(self, condition: str) -> list[Trial]:
        """Return the trials of one condition, the run's own first."""
        return [trial for trial in self.trials if trial.condition == condition]


def build_document(evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation as JSON values."""
    return {"schema_version": SCHEMA_VERSION, **asdict(evaluation)}


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write an evaluation.

    Raises:
        LaunchError: it cannot be written; an existing file stays unchanged.

    """
    text = json.dumps(build_document(evaluation), indent=2, allow_nan=False)
    write_atomically(path, text + "\n")


def read_evaluation(path: Path) -> Evaluation | None:
    """Read an evaluation; return None if there is no file.

    Raises:
        InputError: the file is damaged, or another version of qca wrote it.

    """
    try:
        document = parse_object(read_plain(path, limit=_LARGEST_FILE, follow=False))
        if document.pop("schema_version") != SCHEMA_VERSION:
            raise ValueError("written by another version of qca")
        return TypeAdapter(Evaluation).validate_python(document)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: not an evaluation: {str(error).splitlines()[0]}",
            hint="Remove it; `qca evaluate` writes a new one.",
        ) from None
