"""What a container without a limit gets on this host: CPUs and memory."""

from infra.doctor.check import Subject, known_or_none, require
from infra.host.facts import Engine


def visible_cpus(subject: Subject) -> int:
    """CPUs that a container without a limit sees; our own affinity does not pass to it."""
    docker = known_or_none(subject.facts.docker)
    told = docker.cpus if isinstance(docker, Engine) else 0  # 0 where it could not see them
    return told or require(subject.facts.cpu).online


def available_memory(subject: Subject) -> int | None:
    """Bytes that a container without a limit finds; a virtual machine's engine has its own."""
    memory, docker = known_or_none(subject.facts.memory), known_or_none(subject.facts.docker)
    found = [memory.available] if memory else []
    if isinstance(docker, Engine) and docker.memory:  # 0 where it could not see it
        found.append(docker.memory)
    return min(found, default=None)
