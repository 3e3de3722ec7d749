"""Read the configuration that a run recorded in its folder, `config.json`."""

from pathlib import Path

from pydantic import ValidationError

from qca.core.config import TrainConfig
from qca.core.errors import InputError
from qca.core.json_object import parse_object
from qca.core.plain_files import read_plain
from qca.core.units import MIB
from qca.core.validation import is_unknown_key

LARGEST_CONFIG = MIB
"""The size limit of `config.json`, which takes a few hundred bytes."""


def read_config(path: Path) -> TrainConfig:
    """Read the `config.json` of a run.

    Raises:
        InputError: it is missing, damaged or from another version of qca.

    """
    try:
        return TrainConfig(**parse_object(read_plain(path, limit=LARGEST_CONFIG, follow=False)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole file"
        problem = "unknown key" if is_unknown_key(first) else first["msg"]
        raise InputError(
            f"{path}: {key}: {problem}",
            hint="Another version of qca wrote the run; use that version.",
        ) from None
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{path}: cannot be read: {problem}", hint="Restore the file from a copy."
        ) from None
