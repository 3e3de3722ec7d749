"""Find a Python that can create an environment for Compose V1, without running any Python."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from qca.core.versions import parse_version

# docker-py 6.1 needs 3.7, and Compose V1 imports `pipes`, which Python 3.13 removed.
_OLDEST, _NEWEST = (3, 7), (3, 12)
_NAMES = ("python3", *(f"python3.{minor}" for minor in range(_NEWEST[1], _OLDEST[1] - 1, -1)))
_VERSIONED = re.compile(r"python(3\.\d+)")


def can_run_v1(python_version: str) -> bool:
    """Return whether Compose V1 works with that Python, given suitable libraries."""
    return _OLDEST <= parse_version(python_version)[:2] <= _NEWEST


def find_environment_python(own: Path, own_version: str, search_path: Iterable[str]) -> str:
    """Return V1's own Python, or the first suitable one on the path; empty if there is none."""
    candidates = ((own, own_version), *_list_pythons(search_path))
    usable = (path for path, version in candidates if _can_make_environment(path, version))
    return str(next(usable, ""))


def _list_pythons(search_path: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Yield the Pythons on the path whose file names contain their version."""
    for name in _NAMES:
        for folder in search_path:
            path = Path(folder, name)
            # Path.is_file raises an error in a folder that this user may not enter.
            is_there = os.access(path, os.F_OK)
            match = _VERSIONED.fullmatch(path.resolve().name) if is_there else None
            if match:
                yield path, match[1]


def _can_make_environment(python: Path, version: str) -> bool:
    """Return whether `python -m venv` works there; Debian has `ensurepip` in a separate package."""
    if not can_run_v1(version):
        return False
    library = f"python{'.'.join(map(str, parse_version(version)[:2]))}"
    prefix = python.resolve().parent.parent
    return (prefix / "lib" / library / "ensurepip" / "__init__.py").is_file()
