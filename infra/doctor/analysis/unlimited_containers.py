"""Determine the CPUs and the memory of a container without limits on this host."""

from infra.host.facts import Engine, HostFacts, known_or_none, require


def count_container_cpus(facts: HostFacts) -> int:
    """Return the number of CPUs that a container sees, regardless of this process's affinity.

    Needs the fact `cpu`.
    """
    return find_container_cpus(facts) or require(facts.cpu).online


def find_container_cpus(facts: HostFacts) -> int | None:
    """Return the number of CPUs that a container sees; None if unknown."""
    docker, cpu = known_or_none(facts.docker), known_or_none(facts.cpu)
    reported = docker.cpus if isinstance(docker, Engine) else 0  # 0: unknown
    return reported or (cpu.online if cpu else None)


def find_container_memory(facts: HostFacts) -> int | None:
    """Return the bytes of memory that a container sees; None if unknown.

    The result is the smaller of the engine's memory and this host's available memory.
    """
    memory, docker = known_or_none(facts.memory), known_or_none(facts.docker)
    found = [memory.available] if memory else []
    if isinstance(docker, Engine) and docker.memory:  # 0: unknown
        found.append(docker.memory)
    return min(found, default=None)
