"""Summarize a host for the top of a report."""

from infra.host.facts import Engine, GpuDriver, HostFacts, known_or_none
from qca.core.frozen import frozen_dataclass


@frozen_dataclass
class HostSummary:
    """The most important facts; unknown ones are None."""

    system: str | None
    kernel: str | None
    cpus: int | None
    memory_bytes: int | None
    docker: str | None
    """The engine's version, or Docker's state if no engine responds."""
    gpus: tuple[str, ...] | None
    python: str | None


def summarize_host(facts: HostFacts) -> HostSummary:
    """Return a summary of the facts of a host."""
    system, cpu = known_or_none(facts.system), known_or_none(facts.cpu)
    memory, python = known_or_none(facts.memory), known_or_none(facts.python)
    return HostSummary(
        system=system.distribution if system else None,
        kernel=system.release if system else None,
        cpus=cpu.usable if cpu else None,
        memory_bytes=memory.usable if memory else None,
        docker=_summarize_docker(facts),
        gpus=_list_gpus(facts),
        python=python.version if python else None,
    )


def _summarize_docker(facts: HostFacts) -> str | None:
    docker = known_or_none(facts.docker)
    if docker is None:
        return None
    return docker.version if isinstance(docker, Engine) else docker.state


def _list_gpus(facts: HostFacts) -> tuple[str, ...] | None:
    gpu = known_or_none(facts.gpu)
    if gpu is None:
        return None
    return tuple(card.name for card in gpu.gpus) if isinstance(gpu, GpuDriver) else ()
