"""What the Dragonfly services of a Compose project would start with: threads and maxmemory."""

from dataclasses import dataclass, replace

from infra.compose_file.limits import read_cpu_quota, read_cpuset, read_size
from infra.compose_file.model import LocatedValue
from infra.doctor.dragonfly_services import explain_hidden_flags
from infra.doctor.finding import Severity, Verdict, skip
from infra.doctor.unlimited_containers import find_container_cpus, find_container_memory
from infra.dragonfly import startup_rules as rules
from infra.dragonfly.flag_values import parse_integer
from infra.dragonfly.service import Dragonfly
from infra.dragonfly.sizes import read_size as read_maxmemory
from infra.host.facts import Engine, HostFacts, Unknown, known_or_none

# Settings of a service that its cgroup holds it to, and by which Dragonfly decides.
_CGROUP_LIMITS = frozenset(
    {
        *("cpus", "cpu_quota", "cpu_period", "deploy.resources.limits.cpus"),
        *("mem_limit", "deploy.resources.limits.memory"),
    }
)


@dataclass(frozen=True)
class Maxmemory:
    """How much memory Dragonfly would use for data, and what made it that much."""

    size: int
    because: str


@dataclass(frozen=True)
class DragonflyStart:
    """What a service starts with."""

    threads: rules.Threads
    maxmemory: Maxmemory


def predict_start(facts: HostFacts, dragonfly: Dragonfly) -> DragonflyStart | Verdict:
    """Return what the service starts with; where it does not, or that is unknown, the verdict."""
    threads = _predict_threads(facts, dragonfly)
    if isinstance(threads, Verdict):
        return threads
    maxmemory = predict_maxmemory(facts, dragonfly)
    if isinstance(maxmemory, Verdict):
        return maxmemory
    return DragonflyStart(threads, maxmemory)


def predict_start_without_limits(facts: HostFacts, dragonfly: Dragonfly) -> DragonflyStart | None:
    """Return what the service may start with as well: on cgroup v1, by none of its limits.

    Dragonfly finds them only where the host mounts the controllers as `cpu,cpuacct`; mounted apart
    or as `cpuacct,cpu` it sees neither the CPU limit nor the memory limit. None where its limits
    are seen for sure, or where that does not tell.
    """
    docker = known_or_none(facts.docker)
    if not isinstance(docker, Engine) or docker.cgroup_version != "1":
        return None
    settings = dragonfly.service.settings.items()
    others = {key: value for key, value in settings if key not in _CGROUP_LIMITS}
    service = replace(dragonfly.service, settings=others)
    start = predict_start(facts, replace(dragonfly, service=service))
    return start if isinstance(start, DragonflyStart) else None


def predict_maxmemory(facts: HostFacts, dragonfly: Dragonfly) -> Maxmemory | Verdict:
    """Return the maxmemory of the service; where there is none, or it is unknown, the verdict."""
    given = dragonfly.flags.get("maxmemory")
    if given is not None:
        size = read_maxmemory(given.value, dragonfly.release)
        if size is None:
            return _refuse_size(dragonfly, given)
        if size:
            return Maxmemory(size, given.raw)
    available, limit = find_container_memory(facts), read_size(dragonfly.service.memory_limit)
    if available is None:
        return skip(
            f"Service {dragonfly.service.name} sets no maxmemory, and the host's memory is unknown."
        )
    default = rules.compute_default_maxmemory(available, limit, dragonfly.release)
    return Maxmemory(default, "no maxmemory given: 0.8 of what is available")


def count_threads(facts: HostFacts, dragonfly: Dragonfly, flag: int | None) -> rules.Threads | None:
    """Return the threads that the service starts with `--proactor_threads=flag`.

    None where that depends on the host's CPUs and they are unknown.
    """
    service, docker = dragonfly.service, known_or_none(facts.docker)
    return rules.count_threads(
        len(read_cpuset(service.cpuset) or ()) or find_container_cpus(facts),
        quota=read_cpu_quota(service),
        flag=flag,
        cgroup_version=docker.cgroup_version if isinstance(docker, Engine) else "2",
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
            f"Cannot determine whether service {name} starts: Dragonfly would take one thread "
            f"for each CPU.\nCould not look. cpu: {why}"
        )
    return threads


def _refuse_size(dragonfly: Dragonfly, given: LocatedValue) -> Verdict:
    name = dragonfly.service.name
    message = (
        f"Service {name}: Dragonfly cannot read the size {given.value!r} and "
        "exits immediately.\nIt says: Use human-readable format, eg.: 500MB, 1G, 1TB"
    )
    return Verdict(Severity.ERROR, message, {"service": name, "given": given.value})


def explain_hidden_start(dragonfly: Dragonfly) -> str:
    """Return why the project does not tell what Dragonfly starts with; empty where it does."""
    both = {"maxmemory", "proactor_threads"} <= dragonfly.settled_flags
    return "" if both and not dragonfly.other_program else explain_hidden_flags(dragonfly)
