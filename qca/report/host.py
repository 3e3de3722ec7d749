"""What the host on which the page is made says: the doctor's findings, and the plan of today."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from infra.doctor.check import Finding
from infra.doctor.examine import examine
from infra.doctor.formats.text import host_summary
from infra.host.facts.host import HostFacts
from infra.host.recording import scrubber_of
from infra.stack.plan import StackPlan, plan_stack
from qca.core.config import Config, TrainConfig
from qca.core.units import format_size

# What a run's configuration holds resolved, and a plan decides anew. The rest says what is
# computed, or was given.
_DECIDED = ("profile", "device", "recompute", "optimizer_state")


@dataclass(frozen=True)
class Host:
    """The host that the page is made on; not necessarily the one that the run was made on."""

    findings: list[Finding]
    plan: StackPlan
    """What this host would get today for the run's training."""
    summary: str
    clean: Callable[[str], str]
    """Takes out of a text what names a person or a machine: a report is made to be shared."""


def look_at(facts: HostFacts, config: Config, train: TrainConfig) -> Host:
    """Judge the host for the run's training, with `[stack]` as configured."""
    open_ = TrainConfig(
        **{key: value for key, value in asdict(train).items() if key not in _DECIDED}
    )
    return Host(
        findings=examine(facts, replace(config, train=train)),
        plan=plan_stack(facts, replace(config, train=open_)),
        summary=_summary(facts),
        clean=scrubber_of(facts).clean,
    )


def _summary(facts: HostFacts) -> str:
    seen = host_summary(facts)
    cpus, memory, gpus = seen["cpus"], seen["memory_bytes"], seen["gpus"]
    parts = [
        seen["system"] or "an unknown system",
        None if cpus is None else f"{cpus} CPUs",
        None if memory is None else f"{format_size(memory)} of memory",
        None if gpus is None else ", ".join(gpus) or "no NVIDIA GPU",
        "Docker could not be seen" if seen["docker"] is None else f"Docker {seen['docker']}",
    ]
    return ", ".join(part for part in parts if part)
