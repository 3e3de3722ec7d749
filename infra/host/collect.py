"""Examine this host: all probes side by side, none of which can stop the others."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from infra.host.deadline import Deadline, ProbeError, in_words
from infra.host.facts.host import DockerFacts, HostFacts, Known, Unknown
from infra.host.facts.known import printable
from infra.host.probes import (
    compose,
    cpu,
    disks,
    docker,
    docker_compose,
    gpu,
    listeners,
    memory,
    python,
    system,
)

# A probe that meets the limit in its own call knows best what did not answer; it gets
# this long to say so before it is given up.
_LAST_WORDS = 0.25

# What each probe does, for the sentence "... failed" or "... did not answer within 5 s".
_DOING = {
    "system": "reading the operating system's name",
    "cpu": "reading the CPU count and limits",
    "memory": "reading the memory and its limits",
    "docker": "asking the Docker Engine",
    "compose": "asking `docker compose`",
    "docker_compose": "examining `docker-compose`",
    "gpu": "asking the NVIDIA driver",
    "python": "reading the Python environment",
    "listeners": "listing the TCP ports in use",
    "disks": "measuring the disks",
}


def collect(*, timeout: float, work_dir: Path) -> HostFacts:
    """Return everything that can be seen of this host in about `timeout` seconds.

    Never raises: what could not be seen is an `Unknown` that says why.
    """
    with looking(timeout=timeout, work_dir=work_dir) as facts:
        return facts()


@contextmanager
def looking(*, timeout: float, work_dir: Path) -> Iterator[Callable[[], HostFacts]]:
    """Start every probe, and yield what waits for them, as `collect` does.

    What they need is mostly other programs' time: there is time for something else meanwhile.
    """
    found: dict[str, Future[object]] = {}

    def engine() -> DockerFacts:
        return cast(DockerFacts, _seen("docker", found["docker"], limit, limit.left()))

    with Deadline(timeout) as limit:
        probes = all_probes(limit, work_dir, engine)
        found.update({name: Future() for name in probes})
        start_all(probes, found)
        yield lambda: printable(HostFacts(**wait_for_all(found, limit)))


def all_probes(
    limit: Deadline, work_dir: Path, engine: Callable[[], DockerFacts]
) -> dict[str, Callable[[], object]]:
    """Return what looks at each fact, the slowest first; `engine` returns what was seen of it."""
    return {
        "docker": lambda: docker.probe(limit),
        "compose": lambda: compose.probe(limit),
        "docker_compose": lambda: docker_compose.probe(limit),
        "gpu": gpu.probe,
        "listeners": listeners.probe,
        "system": system.probe,
        "cpu": cpu.probe,
        "memory": memory.probe,
        "python": python.probe,
        "disks": lambda: disks.probe(work_dir, engine),
    }


def start_all(
    probes: Mapping[str, Callable[[], object]], found: Mapping[str, Future[object]]
) -> None:
    """Run every probe in a thread of its own; put what it returns into its place in `found`."""
    for name, probe in probes.items():
        # A daemon thread: one that hangs is left behind, and does not keep qca from ending.
        threading.Thread(
            target=_fill, args=(found[name], probe), name=f"probe-{name}", daemon=True
        ).start()


def wait_for_all(found: Mapping[str, Future[object]], limit: Deadline) -> dict[str, Any]:
    """Return what each probe saw, or why it saw nothing."""
    return {name: _fact(name, place, limit) for name, place in found.items()}


def _fill(place: Future[object], probe: Callable[[], object]) -> None:
    try:
        place.set_result(probe())
    except Exception as error:
        place.set_exception(error)
    except BaseException as error:  # a library that ends the program ends its thread only
        place.set_exception(RuntimeError(in_words(error)))


def _fact(name: str, place: Future[object], limit: Deadline) -> Known | Unknown:
    try:
        return Known(value=_seen(name, place, limit, limit.left() + _LAST_WORDS))
    except ProbeError as error:
        return Unknown(reason=str(error))


def _seen(name: str, place: Future[object], limit: Deadline, seconds: float) -> object:
    """Wait for what a probe saw; every way to fail becomes `ProbeError`."""
    done, _ = wait([place], timeout=seconds)
    if not done:
        raise limit.too_long(_DOING[name])
    error = place.exception()
    if error is None or isinstance(error, ProbeError):
        return place.result()
    raise ProbeError(f"{_DOING[name]} failed: {in_words(error)}")
