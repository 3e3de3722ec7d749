"""Limits as a compose file writes them, and what a container sees without one."""

from infra.doctor.check import Subject, seen, value
from infra.doctor.composefile import Text
from infra.host.facts import Engine
from qca.errors import InputError
from qca.units import parse_size


def visible_cpus(subject: Subject) -> int:
    """CPUs that a container without a limit sees; our own affinity does not pass to it."""
    docker = seen(subject.facts.docker)
    return docker.cpus if isinstance(docker, Engine) else value(subject.facts.cpu).online


def available_memory(subject: Subject) -> int | None:
    """Bytes that a container without a limit finds; a virtual machine's engine has its own."""
    memory, docker = seen(subject.facts.memory), seen(subject.facts.docker)
    found = [memory.available] if memory else []
    if isinstance(docker, Engine) and docker.memory:  # 0 where it could not see it
        found.append(docker.memory)
    return min(found, default=None)


def size_of(text: Text | None) -> int | None:
    """Return a Docker size; None where there is none, or none that Docker can read (QCA705)."""
    try:
        return parse_size(text.value) or None if text else None
    except InputError:
        return None


def number_of(text: Text | None) -> float | None:
    """Return a number of CPUs; None where there is none (0 is none), or no number (QCA705)."""
    try:
        return float(text.value) or None if text else None
    except ValueError:
        return None


def cpus_of(cpuset: Text | None) -> int | None:
    """Return how many CPUs `0-3,8` names; None where there is no such list."""
    try:
        return sum(_span(part) for part in cpuset.value.split(",")) if cpuset else None
    except ValueError:
        return None


def _span(part: str) -> int:
    first, dash, last = part.partition("-")
    return (int(last) if dash else int(first)) - int(first) + 1
