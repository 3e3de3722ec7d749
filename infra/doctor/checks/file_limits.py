"""Limits of services in compose files that somebody else wrote: does Docker take them?"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from infra.compose_file.limits import read_cpuset, read_number, read_size
from infra.compose_file.model import LocatedValue, Service
from infra.doctor.check import Check
from infra.doctor.container_limits import count_container_cpus
from infra.doctor.finding import Severity, Verdict, locate, ok
from infra.doctor.subjects import FileSubject
from qca.core.errors import InputError
from qca.core.units import MIB, counted, parse_size

# What the engine itself demands: moby, daemon/daemon_unix.go, verifyPlatformContainerResources
# and verifyCgroupCPUs; the same from 20.10 on.
_LEAST_MEMORY = 6 * MIB
_LEAST_QUOTA = 1000
_PERIODS = range(1000, 1_000_001)


@dataclass(frozen=True)
class _Fault:
    """A limit that Docker does not take, and what Docker or qca says to it."""

    at: LocatedValue
    message: str
    severity: Severity = Severity.ERROR


def _limits(subject: FileSubject) -> Iterator[Verdict]:
    faults = [
        locate(_judge_fault(service, fault), subject.file, fault.at)
        for service in subject.file.services
        for fault in _faults(subject, service)
    ]
    yield from faults or [ok(f"{subject.file.path}: its limits are such as Docker takes.")]


def _judge_fault(service: Service, fault: _Fault) -> Verdict:
    message = f"Service {service.name}: {fault.message}"
    return Verdict(fault.severity, message, {"service": service.name})


def _faults(subject: FileSubject, service: Service) -> Iterator[_Fault]:
    yield from _memory(service)
    yield from _cpus(subject, service)
    yield from _quota(service)
    yield from _ulimits(service)
    if service.cpuset and service.cpuset.value:
        yield from _cpuset(subject, service.cpuset)


def _memory(service: Service) -> Iterator[_Fault]:
    limit, reserved = service.memory_limit, service.memory_reservation
    for text, name in ((limit, "memory limit"), (reserved, "memory reservation")):
        if text and _not_a_size(text):
            yield _Fault(text, f"Docker cannot read the size {text.value!r}.")
        elif (size := read_size(text)) and text and size < _LEAST_MEMORY:
            yield _Fault(text, _ends(text.value, f"Minimum {name} allowed is 6MB"))
    most, least = read_size(limit), read_size(reserved)
    if most and least and reserved and most < least:
        why = "Minimum memory limit can not be less than memory reservation limit, see usage"
        yield _Fault(reserved, _ends(f"{reserved.value} is more than the limit", why))
    swap = service.memory_and_swap
    if swap and (size := read_size(swap)) and not (most and most <= size):
        why = (
            "Minimum memoryswap limit should be larger than memory limit, see usage"
            if most
            else "You should always set the Memory limit when using Memoryswap limit, see usage"
        )
        # An engine that cannot limit swap leaves it out, with a warning.
        message = _ends(f"memswap_limit {swap.value} is memory and swap together", why)
        yield _Fault(swap, message, Severity.ERROR if not most else Severity.WARNING)


def _ends(what: str, docker: str) -> str:
    return f"{what}.\nDocker ends with: {docker}"


def _cpus(subject: FileSubject, service: Service) -> Iterator[_Fault]:
    cpus = service.cpus
    if cpus is None:
        return
    number = read_number(cpus)
    if number is None:
        if cpus.value not in ("0", "0.0"):
            yield _Fault(cpus, f"{cpus.value!r} is not a number of CPUs.")
    elif not 0.01 <= number <= count_container_cpus(subject.facts):
        why = f"Range of CPUs is from 0.01 to {count_container_cpus(subject.facts)}.00"
        yield _Fault(cpus, _ends(f"{cpus.value} CPUs cannot be given here", why))


def _quota(service: Service) -> Iterator[_Fault]:
    quota, period = service.settings.get("cpu_quota"), service.settings.get("cpu_period")
    for text, name in ((quota, "Quota"), (period, "Period")):
        if text and read_number(text) and read_number(service.cpus):
            why = f"Conflicting options: Nano CPUs and CPU {name} cannot both be set"
            yield _Fault(text, _ends("cpus says the same already", why))
    if quota and 0 < (read_number(quota) or 0) < _LEAST_QUOTA:
        why = "CPU cfs quota can not be less than 1ms (i.e. 1000)"
        yield _Fault(quota, _ends(f"cpu_quota {quota.value} are microseconds", why))
    if period and (number := read_number(period)) and int(number) not in _PERIODS:
        why = "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        yield _Fault(period, _ends(f"cpu_period {period.value} are microseconds", why))


def _ulimits(service: Service) -> Iterator[_Fault]:
    for key, soft in service.settings.items():
        hard = service.settings.get(key.removesuffix(".soft"))
        if not key.startswith("ulimits.") or not key.endswith(".soft") or hard is None:
            continue
        low, high = (_bound(text) for text in (soft, hard))
        if low is not None and high is not None and low > high:
            what = f"{key}, {soft.value}, is more than the hard limit, {hard.value}"
            yield _Fault(soft, f"{what}.\nThe container ends with: error setting rlimit")


def _bound(text: LocatedValue) -> float | None:
    """Return a limit as a number; -1 is none."""
    if text.value == "-1":
        return math.inf
    return int(text.value) if text.value.isdecimal() else None


def _cpuset(subject: FileSubject, cpuset: LocatedValue) -> Iterator[_Fault]:
    numbers, there = read_cpuset(cpuset), count_container_cpus(subject.facts)
    if numbers is None:
        why = f"Invalid value {cpuset.value} for cpuset cpus"
        yield _Fault(cpuset, _ends(f"cpuset {cpuset.value!r} is not as 0-3,8", why))
        return
    why = f"Requested CPUs are not available - requested {cpuset.value}"
    if len(numbers) > there:
        what = f"cpuset {cpuset.value} names more CPUs than the {there} that there are"
        yield _Fault(cpuset, _ends(what, why))
    elif max(numbers) >= there:
        # Which numbers they have is not seen: a machine may have CPUs 0 to 3 and 8 to 11.
        what = f"there may be no CPU {max(numbers)}; the engine has {counted(there, 'CPU')}"
        yield _Fault(cpuset, f"{what}.\nIf so, Docker ends with: {why}", Severity.WARNING)


def _not_a_size(text: LocatedValue) -> bool:
    try:
        parse_size(text.value)
    except InputError:
        return True
    return False


LIMITS = Check(
    id="QCA705",
    category="file",
    title="A limit that Docker does not take",
    needs=("cpu",),
    looks_at="`mem_limit`, `mem_reservation`, `memswap_limit`, `cpus`, `cpu_quota`, `cpu_period`, "
    "`cpuset`, `ulimits`, and the limits and the reservation of memory under deploy.resources.",
    why="The engine refuses a container with more CPUs than it has, with CPUs that are not there, "
    "with less than 6 MiB, or with limits that contradict each other; Compose, a size that it "
    "cannot read.",
    fix="Write sizes as 512m or 2g, and no more CPUs than there are.",
    url="https://docs.docker.com/engine/containers/resource_constraints/",
    judge_file=_limits,
)
