"""Find the registry credential helpers that docker's config.json names and PATH lacks."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.host.errors import FileMissingError, ProbeError
from infra.host.files import read_text
from qca.core.json_object import is_object

# docker/cli cli/config/credentials: the prefix of a helper's program.
_PREFIX = "docker-credential-"


def find_missing_helpers() -> tuple[str, ...] | None:
    """Return the configured helpers that are not on PATH; None if the file cannot be read."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        config = json.loads(read_text(folder / "config.json"))
    except FileMissingError:
        return ()
    except (ProbeError, ValueError, RecursionError):
        return None
    programs = {_PREFIX + name for name in _list_helpers(config)}
    return tuple(sorted(program for program in programs if shutil.which(program) is None))


def _list_helpers(config: Any) -> Iterator[str]:
    """Yield the default helper, and those for individual registries."""
    if not is_object(config):
        return
    single = config.get("credHelpers")
    single_names = single.values() if is_object(single) else ()
    for name in (config.get("credsStore"), *single_names):
        if isinstance(name, str) and name:
            yield name
