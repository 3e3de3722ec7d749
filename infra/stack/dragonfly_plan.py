"""Plan the number of threads and the memory of Dragonfly on this host."""

import math

from infra.dragonfly.startup_rules import BYTES_PER_THREAD, SNAPSHOT_HEADROOM
from infra.host.facts import Engine, HostFacts, known_or_none
from infra.stack.decision import GIVEN, Decision
from qca.core.config import StackConfig
from qca.core.frozen import frozen_dataclass
from qca.core.units import MIB, format_exact_size, format_size

# The metrics of one trainer are a few kilobytes per second; four threads are ample.
DEFAULT_THREADS = 4

# The store uses at most a quarter of the host's memory; the trainer needs the rest.
HOST_SHARE = 4


@frozen_dataclass
class DragonflyPlan:
    """The settings of the store."""

    image: str
    proactor_threads: Decision[int]
    maxmemory_bytes: Decision[int]
    container_memory_bytes: Decision[int]


def plan_dragonfly(facts: HostFacts, config: StackConfig) -> DragonflyPlan:
    """Choose Dragonfly's sizes: keep the configured numbers, and derive the others from the host.

    A small host gets fewer threads and is never refused. The doctor checks the configured numbers
    (QCA301, QCA302).
    """
    memory = find_usable_memory(facts)
    threads = _decide_threads(facts, config, memory)
    maxmemory = _decide_maxmemory(config, threads.value, memory)
    return DragonflyPlan(
        image=config.store_image,
        proactor_threads=threads,
        maxmemory_bytes=maxmemory,
        container_memory_bytes=Decision(
            compute_container_limit(maxmemory.value),
            f"{SNAPSHOT_HEADROOM} times maxmemory: during a snapshot Dragonfly's memory may exceed "
            "maxmemory by a third (Dragonfly issue 3658), and the kernel kills a container that "
            "exceeds its limit",
        ),
    )


def compute_container_limit(maxmemory: int) -> int:
    """Return the container limit, in bytes, that leaves Dragonfly room for a snapshot."""
    return math.ceil(maxmemory * SNAPSHOT_HEADROOM / MIB) * MIB


def _count_usable_cpus(facts: HostFacts) -> int | None:
    """Return how many CPUs a container may use: the smaller of this host's number and the
    engine's, if known."""
    cpu, docker = known_or_none(facts.cpu), known_or_none(facts.docker)
    counts = [cpu.usable] if cpu else []
    if isinstance(docker, Engine):
        counts.append(docker.cpus)
    return min(counts, default=None)


def find_usable_memory(facts: HostFacts) -> int | None:
    """Return the memory that containers can share, in bytes; Docker Desktop's VM limits it."""
    memory, docker = known_or_none(facts.memory), known_or_none(facts.docker)
    sizes = [memory.usable] if memory else []
    if isinstance(docker, Engine) and docker.memory:  # 0 if the engine does not report it
        sizes.append(docker.memory)
    return min(sizes, default=None)


def _decide_threads(facts: HostFacts, config: StackConfig, memory: int | None) -> Decision[int]:
    if config.proactor_threads is not None:
        return Decision(config.proactor_threads, GIVEN)
    cpus = _count_usable_cpus(facts)
    if cpus is None:
        return Decision(1, "the smallest number that works, because the number of CPUs is unknown")
    room = config.maxmemory or (memory or 0) // HOST_SHARE
    affordable = max(1, room // BYTES_PER_THREAD)
    threads = min(cpus, DEFAULT_THREADS, affordable)
    because = f"the smaller of {DEFAULT_THREADS} and the number of usable CPUs ({cpus})"
    if threads < min(cpus, DEFAULT_THREADS):
        what = "the configured maxmemory" if config.maxmemory else "a quarter of the host's memory"
        because += f", lowered to what {what} ({format_size(room)}) allows at 256 MiB per thread"
    because += "; by default Dragonfly starts one thread for every CPU that it finds"
    return Decision(threads, because)


def _decide_maxmemory(config: StackConfig, threads: int, memory: int | None) -> Decision[int]:
    if config.maxmemory is not None:
        return Decision(config.maxmemory, GIVEN)
    needed = threads * BYTES_PER_THREAD
    whom = "its one thread" if threads == 1 else f"each of {threads} threads"
    because = (
        f"256 MiB for {whom} ({format_exact_size(needed)}); with less, Dragonfly refuses to start"
    )
    if memory is None:
        because += ". The host's memory is unknown"
    elif needed > memory // HOST_SHARE:
        because += (
            f". That exceeds a quarter of the host's {format_size(memory)}, but Dragonfly needs it"
        )
    else:
        because += f". That is within the limit, a quarter of the host's {format_size(memory)}"
    return Decision(needed, because)
