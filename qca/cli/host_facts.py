"""Get the facts about the host to plan for: this one, or a recorded one."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from infra.host.facts import HostFacts, Known, PythonFacts, known_or_none
from qca.core.config import Config

if TYPE_CHECKING:
    from infra.stack.plan import StackPlan
    from infra.stack.trainer_memory import RunningRun

# The Docker Engine on a busy laptop answers within a second; a dead ssh host never does.
PROBE_SECONDS = 5.0


def host_facts(facts_file: Path | None) -> HostFacts:
    """Return the facts recorded in `facts_file`, or those of this host."""
    if facts_file is not None:
        from infra.host.recording import load

        return load(facts_file)
    from infra.host.collect import collect

    return collect(timeout=PROBE_SECONDS, work_dir=Path.cwd(), asks_buildx=False)


def plan_here(
    config: Config, *, cpu_processes: int = 1, running: Sequence["RunningRun"] = ()
) -> tuple[HostFacts, "StackPlan"]:
    """Return this host's facts and its plan, given the runs in `running`.

    If that plan trains with this Python on the CPU, the memory that Python itself needs is measured
    first; this takes a few seconds, once per torch build.
    """
    from infra.stack.plan import plan_stack

    facts = host_facts(None)
    plan = plan_stack(facts, config, cpu_processes=cpu_processes, running=running)
    if plan.runtime.value != "local" or plan.trainer.device.value != "cpu":
        return facts, plan
    measured = measure_python(facts)
    return measured, plan_stack(measured, config, cpu_processes=cpu_processes, running=running)


def measure_python(facts: HostFacts) -> HostFacts:
    """Return the facts, with the memory that this Python needs with torch if it can be measured."""
    python = known_or_none(facts.python)
    if python is None:
        return facts
    measured = replace(python, resident_floor=_measure_once(python))
    return replace(facts, python=Known(value=measured))


def find_resident_floor() -> int | None:
    """Return the memory that this Python needs with torch; None if it cannot be measured."""
    from infra.host.errors import ProbeError
    from infra.host.probes import python

    try:
        return _measure_once(python.probe())
    except ProbeError:
        return None


def _measure_once(python: PythonFacts) -> int | None:
    if python.resident_floor is not None or "torch" not in python.distributions:
        return python.resident_floor
    from infra.host.errors import ProbeError
    from infra.host.resident_floor import measure_resident_floor

    with suppress(ProbeError):  # a trainer that cannot start reports why when it is launched
        return measure_resident_floor()
    return None
