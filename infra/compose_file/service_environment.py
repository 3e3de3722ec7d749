"""Read the variables of services from `environment` and, with lower precedence, from `env_file`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from infra.compose_file.model import UNREAD_ENV_FILE
from infra.compose_file.passes.reading import Reading
from infra.compose_file.references import NotFollowedError
from infra.compose_file.syntax.dotenv import BadDotenvError, parse_assignments
from infra.compose_file.yaml.tree import (
    Items,
    Origin,
    Source,
    Table,
    to_items,
    to_table,
    to_text,
)


def resolve_environments(
    reading: Reading, top: Table, names: Iterable[str], variables: Mapping[str, str]
) -> tuple[Table, dict[str, Table]]:
    """Return the tree with each service's environment as a mapping, and the variables that its env
    files set.

    A name without a value takes the value of the project's variable, if it is set.
    """
    services = to_table(top.get("services"))
    if not services:
        return top, {}
    resolved, active = services.copy(), set(names)
    env_file_values: dict[str, Table] = {}
    for name, value, _ in services.entries():
        if isinstance(value, Table):
            resolved[name], env_file_values[name] = _resolve(
                reading, name, value, variables, name in active
            )
    top = top.copy()
    top["services"] = resolved
    return top, env_file_values


def _resolve(
    reading: Reading, name: str, service: Table, variables: Mapping[str, str], is_active: bool
) -> tuple[Table, Table]:
    environment = _read_environment(service, variables)
    service = service.copy()
    if "environment" in service:
        service["environment"] = environment
    known = {key: to_text(value) for key, value in environment.items() if value is not None}
    found = Table()
    for entry, origin in to_items(service.get("env_file")).entries():
        file = to_table(entry)
        try:
            values = _read_env_file(reading, file, {**known, **variables}, found)
        except NotFollowedError as error:
            if not (error.missing and file.get("required") is False):
                _note_unread(reading, name, file, origin, error, is_active)
                service.marks |= {UNREAD_ENV_FILE}
            continue
        for key, value, at in values.entries():
            found.put(key, value, at)
    _check_label_files(reading, name, service)
    return service, found


def _check_label_files(reading: Reading, name: str, service: Table) -> None:
    """Record the files of `label_file` that cannot be read; Compose reads them too."""
    for entry, origin in to_items(service.get("label_file")).entries():
        try:
            reading.read_file(to_text(entry), Path())
        except NotFollowedError as error:
            reading.note_unread(f"`label_file` of service {name}", origin, error)
            if error.missing:
                reading.refuse(f"label file {to_text(entry)} not found", origin)


def _read_environment(service: Table, variables: Mapping[str, str]) -> Table:
    """Return the variables of `environment` as a mapping; a name without a value maps to None."""
    value, resolved = service.get("environment"), Table()
    if isinstance(value, Items):
        for item, origin in value.entries():
            name, equals, text = to_text(item).partition("=")
            resolved.put(name, text if equals else variables.get(name), origin)
    for name, item, origin in to_table(value).entries():
        resolved.put(name, variables.get(name) if item is None else to_text(item), origin)
    return resolved


def _read_env_file(
    reading: Reading, file: Table, variables: Mapping[str, str], earlier: Table
) -> Table:
    path, text = reading.read_file(to_text(file.get("path")), Path())
    source = Source(path, reading.sources[path], variables)
    if "format" in file:
        return _read_raw(reading, source)
    found = Table()
    try:
        texts = {name: to_text(value) for name, value in earlier.items()}
        for name, value, line in parse_assignments(text, variables, texts):
            found.put(name, value, Origin(source, line))
    except BadDotenvError as error:
        reading.refuse(f"failed to read {path}: {error}", Origin(source, error.line))
    return found


def _read_raw(reading: Reading, source: Source) -> Table:
    """Read `format: raw`, in which the text after the equals sign is the value."""
    found = Table()
    for number, line in enumerate(source.lines, 1):
        name, equals, value = line.partition("=")
        if not name.strip() or name.lstrip().startswith("#"):
            continue
        if len(name.split()) > 1:
            reading.refuse(f"variable '{name}' contains whitespaces", Origin(source, number))
        else:
            text = value if equals else source.variables.get(name)
            found.put(name.strip(), text, Origin(source, number))
    return found


def _note_unread(
    reading: Reading,
    name: str,
    file: Table,
    origin: Origin,
    error: NotFollowedError,
    is_active: bool,
) -> None:
    reading.note_unread(f"`env_file` of service {name}", origin, error)
    if error.missing and is_active:
        reading.refuse(f"env file {to_text(file.get('path'))} not found", origin)
