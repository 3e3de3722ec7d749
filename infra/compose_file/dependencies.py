"""Find the services that a service depends on, through `depends_on` or shared resources."""

from collections.abc import Iterator, Mapping

from infra.compose_file.yaml.tree import Origin, Table, to_items, to_table, to_text
from qca.core.frozen import frozen_dataclass

_NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")
_SERVICE = "service:"


@frozen_dataclass
class Dependency:
    """A service that another service needs."""

    name: str
    condition: str
    origin: Origin
    is_required: bool = True
    restart: bool | None = None
    """Whether the dependent service restarts with this one; None if the file does not say."""


def find_dependencies(service: Table) -> Iterator[Dependency]:
    """Yield the dependencies of a service; an entry of `depends_on` takes precedence."""
    declared = to_table(service.get("depends_on"))
    for name, value, origin in declared.entries():
        entry = to_table(value)
        restart = entry.get("restart")
        yield Dependency(
            name,
            to_text(entry.get("condition")) or "service_started",
            origin,
            entry.get("required") is not False,
            restart if isinstance(restart, bool) else None,
        )
    known = set(declared)
    for implied in _find_implied(service):
        if implied.name not in known:
            known.add(implied.name)
            yield implied


def _find_implied(service: Table) -> Iterator[Dependency]:
    for link, origin in to_items(service.get("links")).entries():
        yield Dependency(to_text(link).partition(":")[0], "service_started", origin, restart=True)
    for key in _NAMESPACES:
        shared = to_text(service.get(key))
        if shared.startswith(_SERVICE):
            name, origin = shared.removeprefix(_SERVICE), service.origins[key]
            yield Dependency(name, "service_started", origin, restart=True)
    for volumes, origin in to_items(service.get("volumes_from")).entries():
        text = to_text(volumes)
        if not text.startswith("container:"):
            yield Dependency(text.partition(":")[0], "service_started", origin, restart=False)


def find_dependency_circle(services: Mapping[str, Table]) -> tuple[list[str], Origin] | None:
    """Return the services of a cycle, repeating the first one, and the line that closes it."""
    done: set[str] = set()
    for start in sorted(services):
        trail: list[str] = []
        walks = [_follow(start, services)]
        if start in done:
            continue
        trail.append(start)
        while walks:
            step = next(walks[-1], None)
            if step is None:
                walks.pop()
                done.add(trail.pop())
            elif step.name in trail:
                return [*trail[trail.index(step.name) :], step.name], step.origin
            elif step.name not in done and step.name in services:
                trail.append(step.name)
                walks.append(_follow(step.name, services))
    return None


def _follow(name: str, services: Mapping[str, Table]) -> Iterator[Dependency]:
    return find_dependencies(services[name])
