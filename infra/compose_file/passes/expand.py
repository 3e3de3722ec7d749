"""Convert the short forms that Compose accepts to their long forms."""

from collections.abc import Callable

from infra.compose_file.model import Refusal
from infra.compose_file.syntax.short_forms import (
    LONGEST_BARE_TARGET,
    PortSpec,
    SpecError,
    VolumeSpec,
    parse_device,
    parse_port,
    parse_volume,
)
from infra.compose_file.yaml.key_paths import KeyPathRules, compile_rules
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


def expand_short_forms(top: Table, refusals: list[Refusal]) -> Table:
    """Return the tree in long form; values that Compose refuses are recorded and left out."""
    return _Walk(refusals).visit_table(top, _RULES, "")


class _Walk:
    """A traversal of a project."""

    def __init__(self, refusals: list[Refusal]) -> None:
        self._refusals = refusals

    def visit_table(self, table: Table, rules: KeyPathRules[Expand], path: str) -> Table:
        result = table.copy()
        for key, value, origin in table.entries():
            below = rules.step(key)
            if below is None:
                continue
            place = f"{path}.{key}" if path else key
            try:
                result[key] = self._visit(value, origin, below, place)
            except SpecError as error:
                self._refuse(str(error), origin)
                result.drop(key)
        return result

    def _visit(self, value: Value, origin: Origin, rules: KeyPathRules[Expand], path: str) -> Value:
        if rules.rule is not None:
            value = self._expand(value, origin, rules.rule, path)
        if isinstance(value, Table) and rules.below:
            return self.visit_table(value, rules, path)
        below = rules.step("[]")
        if not isinstance(value, Items) or below is None:
            return value
        items = Items()
        items.is_flow = value.is_flow
        for index, (item, at) in enumerate(value.entries()):
            try:
                items.add(self._visit(item, at, below, f"{path}.{index}"), at)
            except SpecError as error:
                self._refuse(str(error), at)
        return items

    def _expand(self, value: Value, origin: Origin, expand: Expand, path: str) -> Value:
        try:
            return expand(value, origin)
        except _FaultHereError as error:
            raise SpecError(f"{path}: {error}") from None

    def _refuse(self, message: str, origin: Origin) -> None:
        self._refusals.append(Refusal(message, origin.line, origin.source.path))


class _FaultHereError(SpecError):
    """An error that Compose reports with the path of the value."""


def _expand_build(value: Value, origin: Origin) -> Value:
    return make_table({"context": value}, origin) if isinstance(value, str) else value


def _expand_names(values: dict[str, Value] | None) -> Expand:
    """Convert a list of names to a mapping from each name to `values`."""

    def expand(value: Value, _origin: Origin) -> Value:
        if not isinstance(value, Items):
            return value
        table = Table()
        for name, at in value.entries():
            table.put(to_text(name), None if values is None else make_table(values, at), at)
        return table

    return expand


def _expand_dependency(value: Value, origin: Origin) -> Value:
    """Add `required: true` to a dependency in long form that does not set it."""
    if isinstance(value, Table) and "required" not in value:
        value = value.copy()
        value.put("required", True, origin)
    return value


def _expand_text_to_list(value: Value, origin: Origin) -> Value:
    return make_items([(value, origin)]) if isinstance(value, str) else value


def _expand_env_files(value: Value, origin: Origin) -> Value:
    items = value if isinstance(value, Items) else make_items([(value, origin)])
    return make_items((_expand_env_file(item, at), at) for item, at in items.entries())


def _expand_env_file(value: Value, origin: Origin) -> Value:
    if isinstance(value, str):
        return make_table({"path": value, "required": True}, origin)
    if isinstance(value, Table) and "required" not in value:
        value = value.copy()
        value.put("required", True, origin)
    return value


def _expand_gpus(value: Value, origin: Origin) -> Value:
    if not isinstance(value, str):
        return value
    if value != "all":
        raise SpecError(f"invalid value {value!r} for gpus, the only string allowed is 'all'")
    return make_items([(make_table({"count": "all"}, origin), origin)])


def _expand_device_request(value: Value, origin: Origin) -> Value:
    """Set the count of a device request without count and IDs to all."""
    if not isinstance(value, Table):
        return value
    if "count" in value and "device_ids" in value:
        raise _FaultHereError('"count" and "device_ids" attributes are exclusive')
    if "count" not in value and "device_ids" not in value:
        value = value.copy()
        value.put("count", "all", origin)
    return value


def _expand_volume(value: Value, origin: Origin) -> Value:
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
        entry.update((key, make_table(one, origin)) for key, one in _list_options(spec).items())
    return make_table(entry, origin)


def _list_options(spec: VolumeSpec) -> dict[str, dict[str, Value]]:
    """Return the options by the type of mount to which they apply; some may apply to both."""
    bind: dict[str, Value] = {"create_host_path": True} if spec.is_bind else {}
    if spec.propagation:
        bind["propagation"] = spec.propagation
    if spec.selinux:
        bind["selinux"] = spec.selinux
    volume: dict[str, Value] = {"nocopy": True} if spec.no_copy else {}
    options = {"bind": bind, "volume": volume}
    own = "bind" if spec.is_bind else "volume"
    return {key: values for key, values in options.items() if values or key == own}


def _expand_device(value: Value, origin: Origin) -> Value:
    if not isinstance(value, str):
        return value
    return make_table(dict(parse_device(value)), origin)


def _expand_mount(value: Value, origin: Origin) -> Value:
    return make_table({"source": value}, origin) if isinstance(value, str) else value


def _expand_port(value: Value, origin: Origin) -> Value:
    """Return one entry; a range of target ports stays a range, such as `8000-9000`."""
    if isinstance(value, Table):
        table = value.copy()
        for key, default in (("mode", "ingress"), ("protocol", "tcp")):
            if key not in table:
                table.put(key, default, origin)
        return table
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
    """Return a port twice, or the first and the last port of a range."""
    return f"{ports[0]}-{ports[1]}" if ports[0] != ports[1] else str(ports[0])


def _expand_external(value: Value, _origin: Origin) -> Value:
    """Convert `external: {name: X}` to `external: true` and `name: X`."""
    external = value.get("external") if isinstance(value, Table) else None
    if not isinstance(value, Table) or not isinstance(external, Table):
        return value
    table, origin = value.copy(), value.origins["external"]
    table.put("external", True, origin)
    if "name" in external and table.get("name", external["name"]) != external["name"]:
        raise _FaultHereError("name and external.name conflict; only use name")
    if "name" in external:
        table.put("name", external["name"], external.origins["name"])
    return table


_RULES = compile_rules(
    {
        "configs.*": _expand_external,
        "networks.*": _expand_external,
        "secrets.*": _expand_external,
        "services.*.build": _expand_build,
        "services.*.build.secrets.*": _expand_mount,
        "services.*.configs.*": _expand_mount,
        "services.*.depends_on": _expand_names({"condition": "service_started", "required": True}),
        "services.*.depends_on.*": _expand_dependency,
        "services.*.deploy.resources.reservations.devices.*": _expand_device_request,
        "services.*.devices.*": _expand_device,
        "services.*.dns": _expand_text_to_list,
        "services.*.env_file": _expand_env_files,
        "services.*.gpus": _expand_gpus,
        "services.*.gpus.*": _expand_device_request,
        "services.*.label_file": _expand_text_to_list,
        "services.*.models": _expand_names(None),
        "services.*.networks": _expand_names(None),
        "services.*.ports.*": _expand_port,
        "services.*.secrets.*": _expand_mount,
        "services.*.volumes.*": _expand_volume,
        "volumes.*": _expand_external,
    }
)
