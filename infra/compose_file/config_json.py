"""Convert a project to the format of `docker compose config --format json`.

A `$` in text is escaped as `$$`, as in Compose's own output.
"""

from collections.abc import Iterator
from typing import Any

from infra.compose_file.config_values import (
    WRITERS,
    write_command,
    write_cpus,
    write_integer,
    write_options,
    write_plain,
    write_requests,
    write_size,
)
from infra.compose_file.dependencies import find_dependencies
from infra.compose_file.project import Project
from infra.compose_file.yaml.tree import (
    Table,
    descend,
    to_items,
    to_table,
    to_text,
)
from qca.core.json_object import is_array, is_object


def project_to_json(project: Project) -> dict[str, Any]:
    """Return the document. Like Compose, leave out resources that no active service uses."""
    services = to_table(project.top.get("services"))
    shown = {name: to_table(services[name]) for name in sorted(project.active)}
    document: dict[str, Any] = {
        "name": project.name,
        "services": {
            name: _write_service(service, project.env_file_values.get(name, Table()))
            for name, service in shown.items()
        },
    }
    for kind in ("networks", "volumes"):
        used = set[str]().union(*(_list_used(service, kind) for service in shown.values()))
        written = dict(_write_resources(project, kind, used))
        if written:
            document[kind] = written
    return _escape(document)


def _write_service(service: Table, env_file_values: Table) -> dict[str, Any]:
    found: dict[str, Any] = {
        "command": write_command(service.get("command")),
        "entrypoint": write_command(service.get("entrypoint")),
        "depends_on": dict(sorted(_write_dependencies(service))),
        "deploy": _write_deploy(service),
        "environment": _write_environment(service, env_file_values),
        "networks": _write_networks(service),
    }
    for key, write in WRITERS.items():
        if key in service:
            found[key] = write(service[key])
    is_kept = ("command", "entrypoint", "scale")
    return {
        key: value
        for key, value in sorted(found.items())
        if key in is_kept or value not in (None, "", 0, False, [], {})
    }


def _write_dependencies(service: Table) -> Iterator[tuple[str, dict[str, Any]]]:
    for dependency in find_dependencies(service):
        entry: dict[str, Any] = {
            "condition": dependency.condition,
            "required": dependency.is_required,
        }
        yield dependency.name, {**entry, "restart": True} if dependency.restart else entry


def _write_environment(service: Table, env_file_values: Table) -> dict[str, str | None]:
    both = {**env_file_values, **to_table(service.get("environment"))}
    return {key: None if value is None else to_text(value) for key, value in sorted(both.items())}


def _write_networks(service: Table) -> dict[str, Any] | None:
    """Write the networks of a service, or the default network if it names none."""
    networks = service.get("networks")
    if isinstance(networks, Table) and networks:
        return {key: write_plain(value) or None for key, value in sorted(networks.items())}
    is_apart = service.get("network_mode") or service.get("provider")
    return None if is_apart else {"default": None}


def _write_deploy(service: Table) -> dict[str, Any] | None:
    deploy = service.get("deploy")
    if not isinstance(deploy, Table):
        return None
    resources = descend(deploy, "resources")
    written = {
        key: _write_resource_limits(to_table(resources[key]))
        for key in ("limits", "reservations")
        if isinstance(resources.get(key), Table)
    }
    found: dict[str, Any] = {
        "resources": written,
        "placement": write_plain(deploy.get("placement")) or {},
    }
    count = service.get("scale", deploy.get("replicas"))
    if (replicas := write_integer(count)) is not None:
        found["replicas"] = replicas
    return found


def _write_resource_limits(table: Table) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if cpus := write_cpus(table.get("cpus")):
        found["cpus"] = cpus
    if memory := write_size(table.get("memory")):
        found["memory"] = memory
    if pids := write_integer(table.get("pids")):
        found["pids"] = pids
    if devices := to_items(table.get("devices")):
        found["devices"] = write_requests(devices)
    return found


def _write_resources(
    project: Project, kind: str, used: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    defined = to_table(project.top.get(kind))
    for name in sorted(used):
        if name not in defined and (kind, name) != ("networks", "default"):
            continue
        entry: dict[str, Any] = write_plain(to_table(defined.get(name)))
        is_external = entry.get("external") is True
        entry.setdefault("name", name if is_external else f"{project.name}_{name}")
        if kind == "networks":
            entry.setdefault("ipam", {})
        for key in ("labels", "driver_opts"):
            if key in entry:
                entry[key] = write_options(to_table(defined.get(name)).get(key))
        yield name, {key: value for key, value in entry.items() if value is not False}


def _list_used(service: Table, kind: str) -> set[str]:
    if kind == "networks":
        return set(_write_networks(service) or ())
    entries = (to_table(volume) for volume in to_items(service.get("volumes")))
    return {to_text(entry.get("source")) for entry in entries if entry.get("type") == "volume"}


def _escape(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("$", "$$")
    if is_object(value):
        return {key: _escape(item) for key, item in value.items()}
    return [_escape(item) for item in value] if is_array(value) else value
