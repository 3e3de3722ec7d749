"""The files that `env_file` and `label_file` of a service name."""

from typing import Any

from ruamel.yaml.comments import CommentedMap

from infra.compose_file.dotenv import parse_assignments
from infra.compose_file.model import LocatedValue
from infra.compose_file.references import NotFollowedError
from infra.compose_file.scope import Scope, interpolate_at, note_unread
from infra.compose_file.old_yaml_nodes import find_line, to_list, to_mapping, to_text


def read_env_files(
    scope: Scope, name: str, service: CommentedMap, default_line: int
) -> tuple[dict[str, LocatedValue], tuple[str, ...]]:
    """Return what the files of `env_file` set, and `env_file` where one of them was not read."""
    line = find_line(service, "env_file", default_line)
    values: dict[str, LocatedValue] = {}
    unread: tuple[str, ...] = ()
    for item in _list_names(service.get("env_file")):
        try:
            path, lines = _read_env_file(scope, item, line)
        except NotFollowedError as error:
            if error.missing and to_mapping(item).get("required") is False:
                continue
            key = f"services.{name}.env_file"
            note_unread(scope, f"`env_file` of service {name}", line, error, key=key)
            unread = ("env_file",)
            continue
        scope.notes.sources[path] = lines
        for variable, value, number in parse_assignments("\n".join(lines), scope.variables):
            values[variable] = LocatedValue(value, number, value, path)
    return values, unread


def check_label_files(scope: Scope, name: str, service: CommentedMap, default_line: int) -> None:
    """Note the files of `label_file` that cannot be read; Compose reads them, too."""
    line = find_line(service, "label_file", default_line)
    for item in _list_names(service.get("label_file")):
        try:
            scope.references.read_lines(interpolate_at(scope, to_text(item), line))
        except NotFollowedError as error:
            key = f"services.{name}.label_file"
            note_unread(scope, f"`label_file` of service {name}", line, error, key=key)


def _list_names(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else to_list(value)


def _read_env_file(scope: Scope, item: Any, line: int) -> tuple[str, tuple[str, ...]]:
    entry = to_mapping(item)
    name = interpolate_at(scope, to_text(entry.get("path") if entry else item), line)
    path, lines = scope.references.read_lines(name)
    if "format" in entry:
        raise NotFollowedError("its format is not Compose's own")
    return path, lines
