"""The cache of measurements taken on this machine; without it they are taken again."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from qca.core.atomic_files import replace_file
from qca.core.json_object import parse_object


def find_cache_folder() -> Path:
    """Return `$XDG_CACHE_HOME/qca`, by default `~/.cache/qca`. It may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "qca"


def read_cached(name: str, key: str) -> Any:
    """Return the value cached in the file `name` under `key`, or None if there is none."""
    return _read(name).get(key)


def keep_cached(name: str, key: str, value: Any) -> None:
    """Cache a JSON value in the file `name`; do nothing if the cache cannot be written."""
    with suppress(OSError, RuntimeError):  # RuntimeError: this user has no home folder
        folder = find_cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with replace_file(folder / name) as unfinished:
            unfinished.write_text(json.dumps({**_read(name), key: value}, indent=2) + "\n")


def _read(name: str) -> dict[str, Any]:
    try:
        return parse_object((find_cache_folder() / name).read_text(encoding="utf-8"))
    except (OSError, RuntimeError, ValueError):
        return {}
