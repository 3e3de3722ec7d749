"""Where qca keeps what it measured once on this machine; deleting it costs a measurement."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from qca.core.atomic_files import replace_file


def find_cache_folder() -> Path:
    """Return `$XDG_CACHE_HOME/qca`, by default `~/.cache/qca`; it may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "qca"


def read_cached(name: str, key: str) -> Any:
    """Return the value that was kept in the file `name` for `key`; None where there is none."""
    return _read(name).get(key)


def keep_cached(name: str, key: str, value: Any) -> None:
    """Keep a JSON value in the file `name`; a cache that cannot be written is done without."""
    with suppress(OSError, RuntimeError):  # RuntimeError: this user has no home
        folder = find_cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with replace_file(folder / name) as unfinished:
            unfinished.write_text(json.dumps({**_read(name), key: value}, indent=2) + "\n")


def _read(name: str) -> dict[str, Any]:
    try:
        document = json.loads((find_cache_folder() / name).read_text(encoding="utf-8"))
    except (OSError, RuntimeError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
