"""Render files and regions in SARIF's notation."""

import os
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from infra.doctor.finding import Location

# The name of the folder to which relative URIs refer: the root of the repository.
_BASE = "%SRCROOT%"


def encode_location(location: Location, root: Path) -> dict[str, Any]:
    """Return a position in a file."""
    return {
        "physicalLocation": {
            "artifactLocation": encode_artifact(location.file, root),
            "region": encode_region(location),
        }
    }


def encode_artifact(file: str, root: Path) -> dict[str, str]:
    """Return a file's URI, relative to the root if the file is below it, otherwise absolute."""
    path = PurePosixPath(os.path.normpath(root / file))
    if path.is_relative_to(root):
        return {"uri": _quote(str(path.relative_to(root))), "uriBaseId": _BASE}
    return {"uri": f"file://{_quote(str(path))}"}


def encode_region(location: Location) -> dict[str, int]:
    """Return the region of a location: a whole line, or columns of it."""
    if location.columns is None:
        return {"startLine": location.line}
    start, end = location.columns
    return {
        "startLine": location.line,
        "startColumn": start,
        "endLine": location.line,
        "endColumn": end,
    }


def _quote(path: str) -> str:
    """Escape a path, even if it is not valid UTF-8."""
    return quote(os.fsencode(path))
