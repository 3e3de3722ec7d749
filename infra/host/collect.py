"""Collect the facts of this host. All probes run at once, and none can block another."""

import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError, describe_error
from infra.host.facts import DockerFacts, HostFacts, Known, Unknown, replace_unprintable
from infra.host.probes import (
    addresses,
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
from qca.core.diagnostics import log_time
from qca.core.frozen import frozen_dataclass

# A probe whose own call times out knows what did not answer. It gets this many seconds to report
# that before it is abandoned.
_GRACE_SECONDS = 0.25


@frozen_dataclass
class Probe:
    """A function that determines one fact of `HostFacts`."""

    activity: str
    """The subject of the sentence "... failed" or "... did not answer within 5 s"."""
    run: Callable[[], object]


def list_probes(
    deadline: Deadline,
    work_dir: Path,
    wait_for_docker: Callable[[], DockerFacts],
    *,
    asks_buildx: bool = True,
) -> dict[str, Probe]:
    """Return the probes by the name of their fact in `HostFacts`, slowest first.

    `wait_for_docker` returns the result of the Docker probe, or raises `ProbeError`.
    """
    return {
        "docker": Probe("asking the Docker Engine", lambda: docker.probe(deadline)),
        "compose": Probe("asking `docker compose`", lambda: compose.probe(deadline, asks_buildx)),
        "docker_compose": Probe(
            "examining `docker-compose`", lambda: docker_compose.probe(deadline)
        ),
        "gpu": Probe("asking the NVIDIA driver", lambda: gpu.probe(deadline)),
        "images": Probe("listing the engine's images", lambda: docker.list_images(deadline)),
        "container_ports": Probe(
            "listing the ports of containers", lambda: docker.list_container_ports(deadline)
        ),
        "addresses": Probe("listing this host's addresses", addresses.probe),
        "listeners": Probe("listing the TCP ports in use", listeners.probe),
        "system": Probe("reading the operating system's name", system.probe),
        "cpu": Probe("reading the CPU count and limits", cpu.probe),
        "memory": Probe("reading the memory and its limits", memory.probe),
        "python": Probe("reading the Python environment", python.probe),
        "disks": Probe("measuring the disks", lambda: disks.probe(work_dir, wait_for_docker)),
    }


def collect(*, timeout: float, work_dir: Path, asks_buildx: bool = True) -> HostFacts:
    """Return the facts of this host, within about `timeout` seconds.

    Never raises: a fact that could not be determined is an `Unknown` with the reason.
    """
    with start_collecting(
        timeout=timeout, work_dir=work_dir, asks_buildx=asks_buildx
    ) as wait_for_facts:
        return wait_for_facts()


@contextmanager
def start_collecting(
    *, timeout: float, work_dir: Path, asks_buildx: bool = True
) -> Generator[Callable[[], HostFacts]]:
    """Start every probe, and yield a function that waits for the facts, as `collect` does.

    The probes mostly wait for other programs, so the caller can do something else meanwhile. The
    buildx probe takes longer than most, and only files with `build:` need it.
    """
    results: dict[str, Future[object]] = {}

    def wait_for_docker() -> DockerFacts:
        docker_result = _wait_for_result(
            probes["docker"], results["docker"], deadline, deadline.seconds_left()
        )
        return cast(DockerFacts, docker_result)

    with Deadline(timeout) as deadline:
        probes = list_probes(deadline, work_dir, wait_for_docker, asks_buildx=asks_buildx)
        results.update({name: Future() for name in probes})
        start_probes(probes, results)
        yield lambda: replace_unprintable(HostFacts(**wait_for_facts(probes, results, deadline)))


def start_probes(probes: Mapping[str, Probe], results: Mapping[str, Future[object]]) -> None:
    """Run every probe in its own thread, which sets its result."""
    for name, probe in probes.items():
        # A hanging probe in a daemon thread does not prevent qca from exiting.
        threading.Thread(
            target=_run_probe, args=(name, probe, results[name]), name=f"probe-{name}", daemon=True
        ).start()


def wait_for_facts(
    probes: Mapping[str, Probe], results: Mapping[str, Future[object]], deadline: Deadline
) -> dict[str, Any]:
    """Return the fact of each probe by name, known or unknown with the reason."""
    return {name: _wait_for_fact(probe, results[name], deadline) for name, probe in probes.items()}


def _wait_for_result(
    probe: Probe, result: Future[object], deadline: Deadline, seconds: float
) -> object:
    """Return the result of a probe; raise `ProbeError` for every failure."""
    done, _ = wait([result], timeout=seconds)
    if not done:
        raise deadline.timeout_error(probe.activity)
    error = result.exception()
    if error is None or isinstance(error, ProbeError):
        return result.result()
    raise ProbeError(f"{probe.activity} failed: {describe_error(error)}")


def _wait_for_fact(
    probe: Probe, result: Future[object], deadline: Deadline
) -> Known[Any] | Unknown:
    try:
        seconds = deadline.seconds_left() + _GRACE_SECONDS
        return Known(value=_wait_for_result(probe, result, deadline, seconds))
    except ProbeError as error:
        return Unknown(reason=str(error))


def _run_probe(name: str, probe: Probe, result: Future[object]) -> None:
    try:
        with log_time(f"probe {name}"):
            found = probe.run()
        result.set_result(found)
    except Exception as error:
        result.set_exception(error)
    except BaseException as error:  # a library that exits the program ends only this thread
        result.set_exception(RuntimeError(describe_error(error)))
