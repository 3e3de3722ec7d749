"""Collect the host section of a report: the doctor's findings and the current plan."""

from dataclasses import asdict, replace

from infra.doctor.examine import examine
from infra.doctor.finding import Finding
from infra.doctor.host_summary import summarize_host
from infra.host.facts import HostFacts
from infra.host.recording import make_scrubber
from infra.stack.decision import list_decisions
from infra.stack.plan import StackPlan, plan_stack
from qca.core.config import Config, TrainConfig
from qca.core.units import format_size
from qca.report.host_section import FindingEntry, HostSection, PlanEntry, RemedyEntry

# A run's configuration stores these keys resolved; a new plan resolves them again.
_DECIDED = ("profile", "device", "recompute", "optimizer_state")


def describe_host(facts: HostFacts, config: Config, train: TrainConfig) -> HostSection:
    """Return the findings about this host and its plan for the run's configuration."""
    undecided = TrainConfig(
        **{key: value for key, value in asdict(train).items() if key not in _DECIDED}
    )
    findings = examine(facts, replace(config, train=train))
    return HostSection(
        findings=[_describe_finding(finding) for finding in findings],
        plan=_describe_plan(plan_stack(facts, replace(config, train=undecided))),
        summary=_summarize(facts),
        clean=make_scrubber(facts).clean,
    )


def _describe_finding(finding: Finding) -> FindingEntry:
    return FindingEntry(
        id=finding.id,
        severity=finding.severity.value,
        title=finding.title,
        message=finding.message,
        remedies=[
            RemedyEntry(remedy.title, remedy.commands, remedy.breaks) for remedy in finding.remedies
        ],
    )


def _describe_plan(stack_plan: StackPlan) -> PlanEntry:
    trainer = stack_plan.trainer
    return PlanEntry(
        device=trainer.device.value,
        profile=trainer.profile.value,
        precision=trainer.precision.value,
        recompute=trainer.recompute.value,
        optimizer_state=trainer.optimizer_state.value,
        batch_size=trainer.batch_size.value,
        predicted_peak_bytes=trainer.predicted_peak_bytes.value,
        context_bytes=trainer.context_bytes.value,
        budget_bytes=trainer.budget_bytes.value,
        reasons={path: decision.because for path, decision in list_decisions(stack_plan).items()},
    )


def _summarize(facts: HostFacts) -> str:
    host = summarize_host(facts)
    parts = [
        host.system or "an unknown system",
        None if host.cpus is None else f"{host.cpus} CPUs",
        None if host.memory_bytes is None else f"{format_size(host.memory_bytes)} of memory",
        None if host.gpus is None else ", ".join(host.gpus) or "no NVIDIA GPU",
        "Docker's state is unknown" if host.docker is None else f"Docker {host.docker}",
    ]
    return ", ".join(part for part in parts if part)
