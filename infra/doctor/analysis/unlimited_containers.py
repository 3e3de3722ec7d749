"""The CPUs and the memory of a container without limits on this host."""

from infra.host.facts import Engine, HostFacts, known_or_none, require


def count_container_cpus(facts: HostFacts) -> int:
    """Return the CPUs that a container sees; this process's affinity does not pass to it.

    Needs the fact `cpu`.
    """
    return find_container_cpus(facts) or require(facts.cpu).online


def find_container_cpus(facts: HostFacts) -> int | None:
    """Return the CPUs that a container sees; None if neither the engine nor the host shows it."""
    docker, cpu = known_or_none(facts.docker), known_or_none(facts.cpu)
    reported = docker.cpus if isinstance(docker, Engine) else 0  # 0 where it could not see them
    return reported or (cpu.online if cpu else None)


def find_container_memory(facts: HostFacts) -> int | None:
    """Return the bytes a container finds; a virtual machine's engine has its own. None: unknown."""
    memory, docker = known_or_none(facts.memory), known_or_none(facts.docker)
    found = [memory.available] if memory else []
    if isinstance(docker, Engine) and docker.memory:  # 0 where it could not see it
        found.append(docker.memory)
    return min(found, default=None)
