"""QCA705: does Docker accept the limits of the services?"""

import math
from collections.abc import Iterator

from infra.compose_file.limits import read_count, read_cpuset, read_number, read_size
from infra.compose_file.model import LocatedValue, Service
from infra.compose_file.syntax.sizes import parse_docker_size
from infra.doctor.analysis.unlimited_containers import count_container_cpus
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok
from infra.doctor.subjects import FileSubject
from infra.host.facts import Engine, HostFacts, known_or_none
from qca.core.frozen import frozen_dataclass
from qca.core.units import MIB, format_count

# The engine's own limits, unchanged since 20.10: moby, daemon/daemon_unix.go,
# verifyPlatformContainerResources and verifyCgroupCPUs.
_LEAST_MEMORY = 6 * MIB
_LEAST_CPUS = 0.01
_LEAST_QUOTA = 1000
_PERIODS = range(1000, 1_000_001)


@frozen_dataclass
class _Fault:
    """A limit that Docker refuses, with the explanation."""

    at: LocatedValue
    message: str
    severity: Severity = Severity.ERROR


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    cpus = count_container_cpus(subject.facts)
    can_limit_cpus = _can_limit_cpus(subject.facts)
    faults = [
        locate(_report_fault(service, fault), subject.file, fault.at)
        for service in subject.file.services
        for fault in _find_faults(service, cpus, can_limit_cpus=can_limit_cpus)
    ]
    yield from faults or [ok(f"{subject.file.path}: Docker accepts its limits.")]


def _can_limit_cpus(facts: HostFacts) -> bool:
    """Return whether the engine can limit CPUs; if it does not say, assume that it can."""
    docker = known_or_none(facts.docker)
    return not (isinstance(docker, Engine) and docker.limits_cpu is False)


def _report_fault(service: Service, fault: _Fault) -> Verdict:
    message = f"Service {service.name}: {fault.message}"
    return Verdict(fault.severity, message, {"service": service.name})


def _quote_docker(what: str, docker: str) -> str:
    return f"{what}.\nDocker reports: {docker}"


def _find_faults(service: Service, cpus: int, *, can_limit_cpus: bool) -> Iterator[_Fault]:
    yield from _judge_memory(service)
    yield from _judge_swap(service)
    yield from _judge_cpus(service, cpus, can_limit_cpus=can_limit_cpus)
    yield from _judge_quota(service)
    yield from _judge_ulimits(service)
    if service.cpuset and service.cpuset.value:
        yield from _judge_cpuset(service.cpuset, cpus)


def _judge_memory(service: Service) -> Iterator[_Fault]:
    limit, reserved = service.memory_limit, service.memory_reservation
    for given, name in ((limit, "memory limit"), (reserved, "memory reservation")):
        size = _read_signed_size(given) if given else 0
        if given and size is None:
            yield _Fault(given, f"Docker cannot read the size {given.value!r}.")
        elif given and size and size < _LEAST_MEMORY and (size > 0 or given is limit):
            what = f"{name} {given.value} is below Docker's minimum of 6 MiB"
            yield _Fault(given, _quote_docker(what, f"Minimum {name} allowed is 6MB"))
    most, least = read_size(limit), read_size(reserved)
    if most and least and limit and reserved and most < least:
        docker = "Minimum memory limit can not be less than memory reservation limit, see usage"
        what = f"memory reservation {reserved.value} is above the memory limit {limit.value}"
        yield _Fault(reserved, _quote_docker(what, docker))


def _read_signed_size(given: LocatedValue) -> int | None:
    """Return a size, or None if Docker cannot read it; Compose passes a negative number on."""
    try:
        return -int(given.value[1:]) if given.value[:1] == "-" else parse_docker_size(given.value)
    except ValueError:
        return None


def _judge_swap(service: Service) -> Iterator[_Fault]:
    swap, limit = service.memory_and_swap, read_size(service.memory_limit)
    size = read_size(swap)
    if not swap or not size or (limit and limit <= size):
        return
    what = f"memswap_limit {swap.value} (memory and swap together)"
    if limit:
        # An engine that cannot limit swap ignores the limit with a warning.
        docker = "Minimum memoryswap limit should be larger than memory limit, see usage"
        what += " is below the memory limit"
        yield _Fault(swap, _quote_docker(what, docker), Severity.WARNING)
    else:
        docker = "You should always set the Memory limit when using Memoryswap limit, see usage"
        yield _Fault(swap, _quote_docker(f"{what} needs a memory limit", docker))


def _judge_cpus(service: Service, cpus: int, *, can_limit_cpus: bool) -> Iterator[_Fault]:
    given = service.cpus
    if given is None:
        return
    number = read_number(given)
    if number is None:
        if given.value not in ("0", "0.0"):
            yield _Fault(given, f"{given.value!r} is not a number of CPUs.")
    elif not _LEAST_CPUS <= number <= cpus:
        docker = f"Range of CPUs is from {_LEAST_CPUS} to {cpus}.00"
        yield _Fault(
            given, _quote_docker(f"cpus {given.value} is outside the engine's range", docker)
        )
    elif not can_limit_cpus:
        # Observed with Engine 20.10.24 without the cgroup controller `cpu`; it ignores `cpu_quota`
        # and `cpu_shares` with a warning, and `cpuset` works.
        docker = (
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the "
            "cgroup is not mounted"
        )
        what = f"cpus {given.value} keeps it from starting, since this engine cannot limit CPUs"
        yield _Fault(given, _quote_docker(what, f"{docker}\nRemove `cpus`, or see QCA102"))


def _judge_quota(service: Service) -> Iterator[_Fault]:
    quota, period = service.settings.get("cpu_quota"), service.settings.get("cpu_period")
    for given, name in ((quota, "Quota"), (period, "Period")):
        if given and read_number(given) and read_number(service.cpus):
            docker = f"Conflicting options: Nano CPUs and CPU {name} cannot both be set"
            yield _Fault(given, _quote_docker(f"cpu_{name.lower()} conflicts with cpus", docker))
    if quota and 0 < (read_number(quota) or 0) < _LEAST_QUOTA:
        docker = "CPU cfs quota can not be less than 1ms (i.e. 1000)"
        yield _Fault(
            quota, _quote_docker(f"cpu_quota {quota.value} (microseconds) is too small", docker)
        )
    if period and (number := read_number(period)) and int(number) not in _PERIODS:
        docker = (
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        )
        yield _Fault(
            period,
            _quote_docker(f"cpu_period {period.value} (microseconds) is out of range", docker),
        )


def _judge_ulimits(service: Service) -> Iterator[_Fault]:
    for key, soft in service.settings.items():
        hard = service.settings.get(key.removesuffix(".soft"))
        if not key.startswith("ulimits.") or not key.endswith(".soft") or hard is None:
            continue
        low, high = _read_ulimit(soft), _read_ulimit(hard)
        if low is not None and high is not None and low > high:
            what = f"{key} {soft.value} is above the hard limit {hard.value}"
            yield _Fault(soft, f"{what}.\nThe container fails with: error setting rlimit")


def _read_ulimit(given: LocatedValue) -> float | None:
    """Return a limit as a number, with infinity for -1, or None if it is not a number."""
    if given.value == "-1":
        return math.inf
    return read_count(given.value)


def _judge_cpuset(cpuset: LocatedValue, cpus: int) -> Iterator[_Fault]:
    numbers = read_cpuset(cpuset)
    if numbers is None:
        docker = f"Invalid value {cpuset.value} for cpuset cpus"
        yield _Fault(
            cpuset,
            _quote_docker(f"cpuset {cpuset.value!r} is not a list of CPUs such as 0-3,8", docker),
        )
        return
    docker = f"Requested CPUs are not available - requested {cpuset.value}"
    if len(numbers) > cpus:
        what = f"cpuset {cpuset.value} names more CPUs than the engine's {cpus}"
        yield _Fault(cpuset, _quote_docker(what, docker))
    elif max(numbers) >= cpus:
        # The number of CPUs does not determine their indices, which may be 0 to 3 and 8 to 11.
        what = f"CPU {max(numbers)} may not exist, since the engine has {format_count(cpus, 'CPU')}"
        yield _Fault(cpuset, f"{what}.\nIf it does not, Docker reports: {docker}", Severity.WARNING)


CHECK = Check(
    id="QCA705",
    category="file",
    title="A limit that Docker refuses",
    needs=("cpu",),
    looks_at="`mem_limit`, `mem_reservation`, `memswap_limit`, `cpus`, `cpu_quota`, `cpu_period`, "
    "`cpuset`, `ulimits`, and the limits and the memory reservation under deploy.resources.",
    why="The engine refuses a container with more CPUs than it has, with CPUs that do not exist, "
    "with `cpus` if it cannot limit CPUs (rootless without delegation, some NAS kernels), "
    "with less than 6 MiB of memory, or with limits that contradict each other. Compose refuses a "
    "size that it cannot parse.",
    fix="Write sizes such as 512m or 2g, and request no more CPUs than the engine has.",
    url="https://docs.docker.com/engine/containers/resource_constraints/",
    judge_file=_judge_file,
)
