"""The names by which Compose finds its files; nothing is read, and no YAML parser is loaded."""

import os
from collections.abc import Mapping
from pathlib import Path

_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""The names that Compose looks for, in its order of preference."""


def find_default_file(folder: Path) -> Path | None:
    """Return the compose file that Compose would take in `folder`."""
    return next((folder / name for name in _NAMES if (folder / name).is_file()), None)


def find_default_files(
    folder: Path, variables: Mapping[str, str] | None = None
) -> tuple[Path, ...]:
    """Return what Compose would take in `folder`: the file, and the override file beside it.

    COMPOSE_FILE among the `variables` names others, apart by COMPOSE_PATH_SEPARATOR.
    https://docs.docker.com/compose/how-tos/environment-variables/envvars/
    """
    variables = variables or {}
    if named := variables.get("COMPOSE_FILE"):
        apart = variables.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
        return tuple(folder / name for name in named.split(apart) if name)
    path = find_default_file(folder)
    override = find_override(path) if path else None
    return tuple(one for one in (path, override and folder / override) if one)


def find_override(path: Path) -> str | None:
    """Return the override file that Compose would add when it finds `path` by itself."""
    if path.name not in _NAMES:
        return None
    names = (f"{path.stem}.override{suffix}" for suffix in (".yaml", ".yml"))
    return next((name for name in names if (path.parent / name).is_file()), None)
