"""Predict the threads and the maxmemory of a Compose project's Dragonfly services."""

from dataclasses import replace

from infra.compose_file.limits import read_cpu_quota, read_cpuset, read_size
from infra.compose_file.model import LocatedValue, Service
from infra.doctor.analysis.dragonfly_services import explain_hidden_flags
from infra.doctor.analysis.unlimited_containers import find_container_cpus, find_container_memory
from infra.doctor.finding import Severity, Verdict, skip
from infra.dragonfly import startup_rules as rules
from infra.dragonfly.flag_values import parse_integer
from infra.dragonfly.releases import NEWEST_READ, format_release, is_read
from infra.dragonfly.service import Dragonfly
from infra.dragonfly.sizes import read_size as read_maxmemory
from infra.host.facts import Engine, HostFacts, Known, Unknown, known_or_none, require
from qca.core.frozen import frozen_dataclass
from qca.core.units import format_count, format_size

# The settings of a service that its cgroup enforces and that Dragonfly reads from there.
_CGROUP_LIMITS = frozenset(
    {
        *("cpus", "cpu_quota", "cpu_period", "deploy.resources.limits.cpus"),
        *("mem_limit", "deploy.resources.limits.memory"),
    }
)


@frozen_dataclass
class Maxmemory:
    """The memory that Dragonfly would use for data, and the reason."""

    size: int
    because: str
    varies: bool = False
    """Whether it depends on the memory that the machine has available at startup."""


@frozen_dataclass
class DragonflyStart:
    """The threads and the maxmemory with which a service starts."""

    threads: rules.Threads
    maxmemory: Maxmemory

    @property
    def fault(self) -> rules.StartFault | None:
        """Why Dragonfly exits at startup, or None if it starts."""
        return rules.find_start_fault(self.threads.count, self.maxmemory.size)


def describe_start(dragonfly: Dragonfly, start: DragonflyStart) -> str:
    """Return a description of the threads and the maxmemory, with the reason for each."""
    how = (
        f"{format_count(start.threads.count, 'thread')} ({start.threads.because}) and "
        f"{format_size(start.maxmemory.size)} ({start.maxmemory.because})"
    )
    if not is_read(dragonfly.release):
        how += (
            f", by the rules of {format_release(NEWEST_READ)}, the newest release whose rules qca "
            "knows"
        )
    return how


def predict_start(facts: HostFacts, dragonfly: Dragonfly) -> DragonflyStart | Verdict:
    """Return the predicted start, or a verdict if the service does not start or the start is
    unknown."""
    threads = _predict_threads(facts, dragonfly)
    if isinstance(threads, Verdict):
        return threads
    maxmemory = predict_maxmemory(facts, dragonfly)
    if isinstance(maxmemory, Verdict):
        return maxmemory
    return DragonflyStart(threads, maxmemory)


def predict_start_without_limits(facts: HostFacts, dragonfly: Dragonfly) -> DragonflyStart | None:
    """Return how the service starts if Dragonfly does not see its limits.

    On cgroup v1, Dragonfly sees the CPU and memory limits only if the host mounts the controllers
    as `cpu,cpuacct`, not separately or as `cpuacct,cpu`. Return None if it is known whether this
    host shows them, or if the start without them cannot be predicted.
    """
    if sees_limits(facts) is not None:
        return None
    start = predict_start(facts, replace(dragonfly, service=_drop_limits(dragonfly.service)))
    return start if isinstance(start, DragonflyStart) else None


def sees_limits(facts: HostFacts) -> bool | None:
    """Return whether Dragonfly sees a container's limits, or None if that is unknown."""
    if _find_cgroup_version(facts) != "1":
        return True
    hierarchies = _list_v1_hierarchies(facts)
    return None if hierarchies is None else rules.sees_limits(hierarchies)


def _find_cgroup_version(facts: HostFacts) -> str:
    """Return the cgroup version of the engine, or of this host if no engine is known."""
    docker = known_or_none(facts.docker)
    if isinstance(docker, Engine):
        return docker.cgroup_version
    return "1" if "memory" in (_list_v1_hierarchies(facts) or ()) else "2"


def _list_v1_hierarchies(facts: HostFacts) -> tuple[str, ...] | None:
    """Return the cgroup v1 hierarchies that containers see; None if unknown."""
    docker, system = known_or_none(facts.docker), known_or_none(facts.system)
    if system is None or (isinstance(docker, Engine) and docker.is_elsewhere):
        return None
    return system.cgroup_v1


def forget_host(facts: HostFacts) -> HostFacts:
    """Return facts of an unknown host; Dragonfly is assumed to see its limits there."""
    unknown = Unknown(reason="the file is judged on its own")
    return replace(facts, system=unknown, cpu=unknown, memory=unknown, docker=unknown)


def overlooks_limits(facts: HostFacts, dragonfly: Dragonfly) -> bool:
    """Return whether Dragonfly misses the limits and would start differently if it saw them."""
    if sees_limits(facts) is not False:
        return False
    system = replace(require(facts.system), cgroup_v1=tuple(rules.V1_HIERARCHIES))
    seen = replace(facts, system=Known(value=system))
    return predict_start(seen, dragonfly) != predict_start(facts, dragonfly)


def _keep_seen_limits(facts: HostFacts, service: Service) -> Service:
    return _drop_limits(service) if sees_limits(facts) is False else service


def _drop_limits(service: Service) -> Service:
    settings = service.settings.items()
    others = {key: value for key, value in settings if key not in _CGROUP_LIMITS}
    return replace(service, settings=others)


def predict_maxmemory(facts: HostFacts, dragonfly: Dragonfly) -> Maxmemory | Verdict:
    """Return the maxmemory of the service, or a verdict if it is invalid or unknown."""
    given = dragonfly.flags.get("maxmemory")
    if given is not None:
        size = read_maxmemory(given.value, dragonfly.release)
        if size is None:
            return _refuse_size(dragonfly, given)
        if size:
            return Maxmemory(size, given.raw)
    service = _keep_seen_limits(facts, dragonfly.service)
    available, limit = find_container_memory(facts), read_size(service.memory_limit)
    if available is None:
        return skip(
            f"Service {dragonfly.service.name} sets no maxmemory, and the host's memory is unknown."
        )
    default = rules.compute_default_maxmemory(available, limit, dragonfly.release)
    varies = limit is None or limit > available
    return Maxmemory(default, "no maxmemory set: 0.8 of the available memory", varies)


def count_threads(facts: HostFacts, dragonfly: Dragonfly, flag: int | None) -> rules.Threads | None:
    """Return the number of threads that the service starts with `--proactor_threads=flag`.

    Return None if the number depends on the host's CPUs and they are unknown.
    """
    service = _keep_seen_limits(facts, dragonfly.service)
    return rules.count_threads(
        len(read_cpuset(service.cpuset) or ()) or find_container_cpus(facts),
        quota=read_cpu_quota(service),
        flag=flag,
        cgroup_version=_find_cgroup_version(facts),
        release=dragonfly.release,
    )


def _predict_threads(facts: HostFacts, dragonfly: Dragonfly) -> rules.Threads | Verdict:
    name, given = dragonfly.service.name, dragonfly.flags.get("proactor_threads")
    flag = parse_integer(given.value) if given else None
    if given and (flag is None or flag < 0):
        message = (
            f"Service {name}: proactor_threads {given.value!r} is not a number of threads; "
            "Dragonfly exits immediately."
        )
        return Verdict(Severity.ERROR, message, {"service": name, "given": given.value})
    threads = count_threads(facts, dragonfly, flag)
    if threads is None:
        why = facts.cpu.reason if isinstance(facts.cpu, Unknown) else "the CPUs are unknown"
        return skip(
            f"Cannot determine whether service {name} starts: Dragonfly would start one thread "
            f"for each CPU.\nThe CPUs are unknown: {why}"
        )
    return threads


def _refuse_size(dragonfly: Dragonfly, given: LocatedValue) -> Verdict:
    name = dragonfly.service.name
    message = (
        f"Service {name}: Dragonfly cannot read the size {given.value!r} and exits immediately.\n"
        "It reports: Use human-readable format, eg.: 500MB, 1G, 1TB"
    )
    return Verdict(Severity.ERROR, message, {"service": name, "given": given.value})


def explain_hidden_start(dragonfly: Dragonfly) -> str:
    """Return why Dragonfly's start cannot be determined, or an empty string."""
    both = {"maxmemory", "proactor_threads"} <= dragonfly.settled_flags
    return "" if both and not dragonfly.other_program else explain_hidden_flags(dragonfly)
