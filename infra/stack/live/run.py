"""Run the live probes one after the other, independently, and leave nothing behind."""

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.host.errors import ProbeError, describe_error
from infra.host.facts import HostFacts, Known, Unknown, replace_unprintable
from infra.stack.docker_client import connect_engine
from infra.stack.live.images import find_images
from infra.stack.live.probes import Circumstances, LiveProbe
from infra.stack.live.sandbox import Sandbox
from infra.stack.plan import StackPlan
from infra.stack.run_storage import plan_storage
from qca.core.diagnostics import log_time
from qca.core.errors import QcaError

Fact = Known[Any] | Unknown


def survey(facts: HostFacts, plan: StackPlan, least_seconds: float) -> Circumstances:
    """Return the inputs for planning the probes, including the engine's images.

    Raises:
        LaunchError: the engine does not answer.

    """
    storage = plan_storage(facts, plan.project)
    return Circumstances(facts, plan, storage, find_images(plan), least_seconds)


def run_probes(
    probes: Iterable[LiveProbe],
    work_dir: Path,
    stop: threading.Event,
    announce: Callable[[LiveProbe], None],
) -> dict[str, Fact]:
    """Return the fact of each probe by name, known or unknown with the reason.

    It returns soon after `stop` is set; run it in its own thread, where no signal interrupts the
    removal.

    Raises:
        LaunchError: the started containers could not be removed.

    """
    found: dict[str, Fact] = {}
    with connect_engine() as engine, Sandbox(engine, stop) as sandbox:
        for probe in probes:
            announce(probe)
            found[probe.fact] = _run_probe(probe, sandbox, work_dir)
    return found


def _run_probe(probe: LiveProbe, sandbox: Sandbox, work_dir: Path) -> Fact:
    try:
        with log_time(f"probe {probe.fact}"), _translate_errors():
            return Known(value=replace_unprintable(probe.run(sandbox, work_dir)))
    except ProbeError as error:
        return Unknown(reason=str(error))
    except Exception as error:  # an engine's answer may be invalid
        return Unknown(reason=f"it failed: {describe_error(error)}")


@contextmanager
def _translate_errors() -> Generator[None]:
    """Raise the errors that can occur in a probe as `ProbeError`."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except APIError as error:
        raise ProbeError(f"the engine refused: {error.explanation or error}") from None
    except (DockerException, RequestException, OSError) as error:
        raise ProbeError(describe_error(error)) from None
    except QcaError as error:
        raise ProbeError(error.message) from None
