"""Find Compose files by their default names. This module reads no file and loads no YAML parser."""

import os
from collections.abc import Mapping
from pathlib import Path

_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""The names that Compose looks for, in order of preference."""


def find_default_file(folder: Path) -> Path | None:
    """Return the Compose file that Compose would use in `folder`."""
    return next((folder / name for name in _NAMES if (folder / name).is_file()), None)


def choose_name(folder: Path) -> str:
    """Return the name of the Compose file in `folder`; the preferred name if there is none."""
    return (find_default_file(folder) or Path(_NAMES[0])).name


def find_default_files(
    folder: Path, variables: Mapping[str, str] | None = None
) -> tuple[Path, ...]:
    """Return the file that Compose would use in `folder`, and its override file if there is one.

    COMPOSE_FILE in `variables` names other files, separated by COMPOSE_PATH_SEPARATOR.
    https://docs.docker.com/compose/how-tos/environment-variables/envvars/
    """
    variables = variables or {}
    if named := variables.get("COMPOSE_FILE"):
        apart = variables.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
        return tuple(folder / name for name in named.split(apart) if name)
    path = find_default_file(folder)
    override = find_override(path) if path else None
    return tuple(file for file in (path, override and folder / override) if file)


def find_override(path: Path) -> str | None:
    """Return the override file that Compose adds if it finds `path` by default."""
    if path.name not in _NAMES:
        return None
    names = (f"{path.stem}.override{suffix}" for suffix in (".yaml", ".yml"))
    return next((name for name in names if (path.parent / name).is_file()), None)
