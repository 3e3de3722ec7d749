"""Make the paths of a project absolute; in a file they are relative to its folder."""

import os
from collections.abc import Callable
from pathlib import Path

from infra.compose_file.syntax.short_forms import is_path
from infra.compose_file.yaml.key_paths import compile_rules, transform
from infra.compose_file.yaml.tree import Table, Value

Locate = Callable[[Value, Path], Value]


def resolve_paths(top: Table, folder: Path) -> Table:
    """Return the tree with absolute paths."""
    return transform(top, _RULES, lambda match: match.rule(match.value, folder))


def locate(name: str, folder: Path) -> str:
    """Return the path of a name in a folder; `~` is the user's home."""
    return os.path.normpath(folder.absolute() / _expand_user(name))


def shorten(path: str, folder: Path) -> str:
    """Return a path within `folder` in the form in which `folder` is given, relative or absolute;
    return other paths unchanged."""
    absolute = os.path.normpath(folder.absolute())
    if path == absolute or path.startswith(f"{absolute}{os.sep}"):
        return str(folder / path[len(absolute) :].lstrip(os.sep))
    return path


def _locate_path(value: Value, folder: Path) -> Value:
    return locate(value, folder) if isinstance(value, str) and value else value


def _locate_context(value: Value, folder: Path) -> Value:
    """Make the path of a build context absolute; keep a repository or another URL unchanged."""
    is_remote = isinstance(value, str) and (
        "://" in value or value.startswith(("git@", "github.com/"))
    )
    return value if is_remote else _locate_path(value, folder)


def _locate_mount(value: Value, folder: Path) -> Value:
    if not isinstance(value, Table) or value.get("type") != "bind":
        return value
    source = value.get("source")
    if not isinstance(source, str) or source[1:3] in (":\\", ":/") or source.startswith("\\\\"):
        return value
    table = value.copy()
    table["source"] = locate(source, folder)
    return table


def _locate_device(value: Value, folder: Path) -> Value:
    """Resolve the path of a local volume that is a bind mount."""
    options = value.get("driver_opts") if isinstance(value, Table) else None
    if not isinstance(value, Table) or not isinstance(options, Table):
        return value
    if value.get("driver", "local") != "local" or "bind" not in str(options.get("o")).split(","):
        return value
    device = options.get("device")
    if not isinstance(device, str) or not is_path(device):
        return value
    table, below = value.copy(), options.copy()
    below["device"] = locate(device, folder)
    table["driver_opts"] = below
    return table


def _expand_user(name: str) -> str:
    return str(Path(name).expanduser()) if name.startswith("~") else name


_RULES = compile_rules(
    {
        "configs.*.file": _locate_path,
        "secrets.*.file": _locate_path,
        "services.*.build.context": _locate_context,
        "services.*.env_file.*.path": _locate_path,
        "services.*.extends.file": _locate_path,
        "services.*.label_file.*": _locate_path,
        "services.*.volumes.*": _locate_mount,
        "volumes.*": _locate_device,
    }
)
