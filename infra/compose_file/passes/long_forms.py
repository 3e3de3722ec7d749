"""Convert short forms, such as `8080:80` for a port, to long forms."""

from collections.abc import Callable

from infra.compose_file.syntax.short_forms import (
    LONGEST_BARE_TARGET,
    PortSpec,
    SpecError,
    VolumeSpec,
    parse_device,
    parse_port,
    parse_volume,
)
from infra.compose_file.yaml.tree import (
    Items,
    Origin,
    Table,
    Value,
    make_items,
    make_table,
    to_text,
)

Expand = Callable[[Value, Origin], Value]
"""A function that returns the long form of a value, or raises SpecError."""


class FaultHereError(SpecError):
    """An error that Compose reports with the path of the value."""


def expand_build(value: Value, origin: Origin) -> Value:
    """Convert `build: PATH` to a mapping with the path as the build's context."""
    return make_table({"context": value}, origin) if isinstance(value, str) else value


def expand_names(values: dict[str, Value] | None = None) -> Expand:
    """Convert a list of names to a mapping from each name to `values`."""

    def expand(value: Value, _origin: Origin) -> Value:
        if not isinstance(value, Items):
            return value
        table = Table()
        for name, at in value.entries():
            table.put(to_text(name), None if values is None else make_table(values, at), at)
        return table

    return expand


expand_dependencies = expand_names({"condition": "service_started", "required": True})
"""Convert a list of services to a mapping from each name to the condition that is waited for."""


def require_by_default(value: Value, origin: Origin) -> Value:
    """Add `required: true` to a value in long form that does not set it."""
    return _set_default(value, "required", True, origin)


def _set_default(value: Value, key: str, default: Value, origin: Origin) -> Value:
    """Add a key to a mapping that lacks it."""
    if isinstance(value, Table) and key not in value:
        value = value.copy()
        value.put(key, default, origin)
    return value


def expand_text_to_list(value: Value, origin: Origin) -> Value:
    """Convert a string to a list with one item."""
    return make_items([(value, origin)]) if isinstance(value, str) else value


def expand_env_files(value: Value, origin: Origin) -> Value:
    """Convert one path, or a list of them, to a list of mappings."""
    items = value if isinstance(value, Items) else make_items([(value, origin)])
    return make_items((_expand_env_file(item, at), at) for item, at in items.entries())


def _expand_env_file(value: Value, origin: Origin) -> Value:
    if isinstance(value, str):
        return make_table({"path": value, "required": True}, origin)
    return require_by_default(value, origin)


def expand_gpus(value: Value, origin: Origin) -> Value:
    """Convert `gpus: all` to a device request."""
    if not isinstance(value, str):
        return value
    if value != "all":
        raise SpecError(f"invalid value {value!r} for gpus, the only string allowed is 'all'")
    return make_items([(make_table({"count": "all"}, origin), origin)])


def expand_device_request(value: Value, origin: Origin) -> Value:
    """Request all devices if a device request has neither a count nor IDs."""
    if not isinstance(value, Table):
        return value
    if "count" in value and "device_ids" in value:
        raise FaultHereError('"count" and "device_ids" attributes are exclusive')
    return value if "device_ids" in value else _set_default(value, "count", "all", origin)


def expand_volume(value: Value, origin: Origin) -> Value:
    """Convert `./data:/data:ro` to a mapping."""
    if not isinstance(value, str):
        return value
    spec = parse_volume(value)
    entry: dict[str, Value] = {"type": "bind" if spec.is_bind else "volume"}
    if spec.source:
        entry["source"] = spec.source
    entry["target"] = spec.target
    if spec.read_only:
        entry["read_only"] = True
    if len(value) > LONGEST_BARE_TARGET:
        entry.update(
            (key, make_table(values, origin)) for key, values in _list_options(spec).items()
        )
    return make_table(entry, origin)


def _list_options(spec: VolumeSpec) -> dict[str, dict[str, Value]]:
    """Return the options, grouped by the type of mount that they belong to.

    A mount may have options of both types.
    """
    bind: dict[str, Value] = {"create_host_path": True} if spec.is_bind else {}
    if spec.propagation:
        bind["propagation"] = spec.propagation
    if spec.selinux:
        bind["selinux"] = spec.selinux
    volume: dict[str, Value] = {"nocopy": True} if spec.no_copy else {}
    options = {"bind": bind, "volume": volume}
    own = "bind" if spec.is_bind else "volume"
    return {key: values for key, values in options.items() if values or key == own}


def expand_device(value: Value, origin: Origin) -> Value:
    """Convert `/dev/sda:/dev/xvda:rwm` to a mapping."""
    if not isinstance(value, str):
        return value
    return make_table(dict(parse_device(value)), origin)


def expand_mount(value: Value, origin: Origin) -> Value:
    """Convert the name of a config or a secret to a mapping with that name as its source."""
    return make_table({"source": value}, origin) if isinstance(value, str) else value


def expand_port(value: Value, origin: Origin) -> Value:
    """Return one entry; a range of target ports stays a range, such as `8000-9000`."""
    if isinstance(value, Table):
        return _set_default(
            _set_default(value, "mode", "ingress", origin), "protocol", "tcp", origin
        )
    return make_table(_write_port(parse_port(to_text(value))), origin)


def _write_port(spec: PortSpec) -> dict[str, Value]:
    entry: dict[str, Value] = {"mode": "ingress"}
    if spec.address:
        entry["host_ip"] = spec.address
    is_range = spec.target[0] != spec.target[1]
    entry["target"] = _format_ports(spec.target) if is_range else spec.target[0]
    if spec.published:
        entry["published"] = _format_ports(spec.published)
    entry["protocol"] = spec.protocol
    return entry


def _format_ports(ports: tuple[int, int]) -> str:
    """Format a range as `FIRST-LAST`, and a single port (held twice) as one number."""
    return f"{ports[0]}-{ports[1]}" if ports[0] != ports[1] else str(ports[0])


def expand_external(value: Value, _origin: Origin) -> Value:
    """Convert `external: {name: X}` to `external: true` and `name: X`."""
    external = value.get("external") if isinstance(value, Table) else None
    if not isinstance(value, Table) or not isinstance(external, Table):
        return value
    table, origin = value.copy(), value.origins["external"]
    table.put("external", True, origin)
    if "name" in external and table.get("name", external["name"]) != external["name"]:
        raise FaultHereError("name and external.name conflict; only use name")
    if "name" in external:
        table.put("name", external["name"], external.origins["name"])
    return table
