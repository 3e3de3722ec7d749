"""Check Compose's rules that span several keys, which a schema cannot express. The order is
Compose's, and the messages are close to Compose's.

A file that was not read could add a missing definition; rules that depend on it are skipped.
https://github.com/compose-spec/compose-go, loader/validate.go
"""

from collections.abc import Callable, Iterable, Iterator

from infra.compose_file.dependencies import find_dependencies, find_dependency_circle
from infra.compose_file.model import UNREAD_EXTENDS, Refusal
from infra.compose_file.passes.reading import Reading
from infra.compose_file.syntax.sizes import parse_cpus, parse_docker_size
from infra.compose_file.yaml.tree import (
    Origin,
    Table,
    Value,
    descend,
    to_items,
    to_table,
    to_text,
)
from qca.core.frozen import frozen_dataclass

_RESOURCE_KEYS = {"configs": ("file", "environment", "content"), "secrets": ("file", "environment")}
_LIMITS: dict[str, tuple[str, str, Callable[[str], float]]] = {
    "cpus": ("limits", "cpus", parse_cpus),
    "mem_limit": ("limits", "memory", parse_docker_size),
    "mem_reservation": ("reservations", "memory", parse_docker_size),
    "pids_limit": ("limits", "pids", int),
}
_TESTS = ("CMD", "CMD-SHELL", "NONE")


@frozen_dataclass
class _Scene:
    """The definitions that a service can refer to."""

    top: Table
    active: frozenset[str]
    is_whole: bool
    """Whether every `include` was read."""

    @property
    def services(self) -> Table:
        return to_table(self.top.get("services"))


def find_conflicts(top: Table, active: Iterable[str], reading: Reading) -> list[Refusal]:
    """Return the reasons why Compose refuses a project with these active services."""
    scene = _Scene(
        top,
        frozenset(active),
        not any(reference.what == "`include`" for reference in reading.unread),
    )
    found = [*_check_resources(top)]
    for name, value, origin in scene.services.entries():
        if name in scene.active and isinstance(value, Table):
            found += _check_service(name, value, origin, scene)
    return [*found, *_check_together(scene), *_check_secrets(top)]


def _check_resources(top: Table) -> Iterator[Refusal]:
    for kind in ("volumes", "networks", "secrets", "configs"):
        for name, value, origin in to_table(top.get(kind)).entries():
            if isinstance(value, Table):
                yield from _check_resource(f"{kind}.{name}", kind, value, origin)
            elif kind in _RESOURCE_KEYS:
                keys = "|".join(_RESOURCE_KEYS[kind])
                yield Refusal.at(f"{kind}.{name}: one of {keys} must be set", origin)


def _check_resource(path: str, kind: str, table: Table, origin: Origin) -> Iterator[Refusal]:
    is_external = table.get("external") is True
    if kind == "volumes" and is_external:
        extra = [key for key in table if key not in ("name", "external") and key[:2] != "x-"]
        if extra:
            message = f'conflicting parameters "external" and "{extra[0]}" specified'
            yield Refusal.at(f"{path}: {message}", table.origins[extra[0]])
    if kind not in _RESOURCE_KEYS:
        return
    keys = _RESOURCE_KEYS[kind]
    given = [key for key in keys if key in table]
    if len(given) > 1:
        yield Refusal.at(f"{path}: {'|'.join(keys)} attributes are mutually exclusive", origin)
    elif not given and "driver" not in table and "external" not in table:
        yield Refusal.at(f"{path}: one of {'|'.join(keys)} must be set", origin)


def _check_secrets(top: Table) -> Iterator[Refusal]:
    """Refuse a secret that comes from a driver instead of a file or a variable."""
    for name, value, origin in to_table(top.get("secrets")).entries():
        secret = to_table(value)
        if secret.get("driver") and not any(secret.get(key) for key in ("file", "environment")):
            yield Refusal.at(f'secret "{name}" must declare either `file` or `environment`', origin)


def _check_service(name: str, service: Table, origin: Origin, scene: _Scene) -> Iterator[Refusal]:
    is_whole = scene.is_whole and UNREAD_EXTENDS not in service.marks
    if is_whole and not any(service.get(key) for key in ("image", "build", "provider")):
        message = "has neither an image nor a build context specified"
        yield Refusal.at(f'service "{name}" {message}', origin)
    yield from _check_build(name, service, origin)
    if service.get("network_mode") and service.get("networks"):
        message = "declares mutually exclusive `network_mode` and `networks`"
        yield Refusal.at(f"service {name} {message}", service.origins["network_mode"])
    test = to_items(descend(service, "healthcheck").get("test"))
    if test and to_text(test[0]) not in _TESTS:
        message = 'healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"'
        yield Refusal.at(message, test.origins[0])
    if scene.is_whole:
        yield from _check_references(name, service, scene)
    yield from _check_numbers(name, service, origin)
    yield from _check_limits(name, service)
    yield from _check_mounts(name, service)


def _check_build(name: str, service: Table, origin: Origin) -> Iterator[Refusal]:
    build = descend(service, "build")
    if build.get("dockerfile") and build.get("dockerfile_inline"):
        message = "declares mutualy exclusive dockerfile and dockerfile_inline"
        yield Refusal.at(f'service "{name}" {message}', origin)
    platforms = [to_text(platform) for platform in to_items(build.get("platforms"))]
    if platforms and service.get("platform") and service["platform"] not in platforms:
        platform = to_text(service["platform"])
        message = f'service.build.platforms MUST include service.platform "{platform}"'
        yield Refusal.at(message, service.origins["platform"])


def _check_references(name: str, service: Table, scene: _Scene) -> Iterator[Refusal]:
    def find_undefined(kind: str, names: Iterable[tuple[Value, Origin]]) -> Iterator[Refusal]:
        defined = to_table(scene.top.get(f"{kind}s"))
        for value, at in names:
            other = to_text(value)
            if other not in defined and (kind, other) != ("network", "default"):
                yield Refusal.at(f'service "{name}" refers to undefined {kind} {other}', at)

    networks = to_table(service.get("networks"))
    yield from find_undefined("network", ((key, networks.origins[key]) for key in networks))
    for dependency in find_dependencies(service):
        other = dependency.name
        is_disabled = other in scene.services and other not in scene.active
        if other in scene.active or (is_disabled and not dependency.is_required):
            continue
        message = f'service "{name}" depends on undefined service "{other}"'
        yield Refusal.at(message, dependency.origin)
    yield from find_undefined("volume", _list_sources(service, "volumes"))
    yield from find_undefined("config", _list_sources(service, "configs"))
    models = to_table(service.get("models"))
    yield from find_undefined("model", ((key, models.origins[key]) for key in models))
    yield from find_undefined("secret", _list_sources(service, "secrets"))


def _list_sources(service: Table, key: str) -> Iterator[tuple[Value, Origin]]:
    for entry, origin in to_items(service.get(key)).entries():
        table = to_table(entry)
        if key != "volumes" or (table.get("type") == "volume" and table.get("source")):
            yield table.get("source"), origin


def _check_numbers(name: str, service: Table, origin: Origin) -> Iterator[Refusal]:
    path, deploy = f"services.{name}", descend(service, "deploy")
    scale, replicas = service.get("scale"), deploy.get("replicas")
    if scale is not None and replicas is not None and scale != replicas:
        message = "can't set distinct values on 'scale' and 'deploy.replicas'"
        yield Refusal.at(f"{path}: {message}", service.origins["scale"])
    count = scale if scale is not None else replicas
    if isinstance(count, int) and count < 0:
        key = "scale" if scale is not None else "deploy.replicas"
        yield Refusal.at(f"{path}.{key}: must be greater than or equal to 0", origin)
    if isinstance(count, int) and count > 1 and service.get("container_name"):
        key = "scale" if scale is not None else "deploy.replicas"
        message = f"can't set container_name and {key} as container name must be unique"
        yield Refusal.at(f"{path}: {message}", service.origins["container_name"])


def _check_limits(name: str, service: Table) -> Iterator[Refusal]:
    """Refuse a limit that two keys set to different values."""
    resources = descend(service, "deploy", "resources")
    for key, (kind, below, read) in _LIMITS.items():
        one, other = service.get(key), to_table(resources.get(kind)).get(below)
        limit = _read(one, read)
        if isinstance(resources.get(kind), Table) and limit and limit != _read(other, read):
            path = f"deploy.resources.{kind}.{below}"
            message = f"can't set distinct values on '{key}' and '{path}'"
            yield Refusal.at(f"services.{name}: {message}", service.origins[key])


def _read(value: Value, read: Callable[[str], float]) -> float:
    try:
        return read(to_text(value)) if value is not None else 0
    except ValueError:
        return 0


def _check_mounts(name: str, service: Table) -> Iterator[Refusal]:
    """Refuse two mounts with the same target; Compose does not check secrets and configs."""
    taken: dict[str, str] = {}
    for key in ("tmpfs", "volumes"):
        for index, (entry, origin) in enumerate(to_items(service.get(key)).entries()):
            text = to_text(entry).partition(":")[0]
            target = to_text(entry.get("target")) if isinstance(entry, Table) else text
            path = f"services.{name}.{key}[{index}]"
            if target in taken:
                message = f"target {target} already mounted as {taken[target]}"
                yield Refusal.at(f"{path}: {message}", origin)
            taken[target] = path


def _check_together(scene: _Scene) -> Iterator[Refusal]:
    """Refuse circular dependencies, and a container name that two services share."""
    owners: dict[str, str] = {}
    for name, value, _ in scene.services.entries():
        service = to_table(value)
        container = to_text(service.get("container_name"))
        if name not in scene.active or not container:
            continue
        if container in owners:
            message = (
                f'container name "{container}" is already in use by service {owners[container]}'
            )
            yield Refusal.at(f"services.{name}: {message}", service.origins["container_name"])
        owners[container] = name
    active = {
        name: to_table(scene.services[name]) for name in scene.services if name in scene.active
    }
    if circle := find_dependency_circle(active):
        names, origin = circle
        yield Refusal.at(f"dependency cycle detected: {' -> '.join(names)}", origin)
