"""Build the page's content; `page.html.j2` and `page.css` define its order and style."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import median
from typing import get_args

from markupsafe import Markup

from qca.core.distribution import read_version
from qca.core.units import format_size
from qca.memory.budget import Estimate, count_parameters
from qca.report.curves import draw_learning, draw_speed
from qca.report.formatting import (
    format_duration,
    format_key,
)
from qca.report.host_section import FindingEntry, HostSection, PlanEntry, Severity
from qca.report.memory import (
    compare_with_budget,
    draw_memory,
    find_measured_peak,
    predict_memory,
    select_comparable_peak,
)
from qca.report.no_pictures import explain_no_pictures
from qca.report.pictures import draw_gallery
from qca.report.rollout_curves import draw_measures
from qca.report.template import build_environment, read_asset
from qca.report.timeline import build_timeline
from qca.runs.events import EpisodeRecord
from qca.runs.run import Run, Status

# Maximum number of rows in the table of episodes.
_MAX_ROWS = 16

# Severities of the findings to show in full, worst first.
_SHOWN_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

_STATUS_SENTENCES: dict[Status, str] = {
    "complete": "",
    "running": "Training is still running; this page shows its state when the page was created.",
    "stopped": "The run is not finished: it was stopped and has a checkpoint. The command "
    "that started it resumes from there.",
    "interrupted": "The run is not finished: its process or its machine was killed. The command "
    "that started it resumes from the last checkpoint.",
    "not begun": "Training has not finished an episode yet.",
}


@dataclass(frozen=True)
class Fact:
    """A number at the top of the page."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class PlanRow:
    """A row of the plan: the value of the run, and the value that this host would get today."""

    what: str
    run: str
    today: str


def render_page(run: Run, host: HostSection, now: datetime) -> str:
    """Return the page as HTML; the same input gives the same bytes."""
    template = build_environment(host.clean).get_template("page.html.j2")
    need = predict_memory(run)
    findings = {severity: _select(host.findings, severity) for severity in get_args(Severity)}
    return template.render(
        run=run,
        host=host,
        now=now,
        version=read_version(),
        css=Markup(read_asset("page.css")),
        parameters=count_parameters(run.config.d_state, run.config.hidden_channels),
        share=min(100.0, 100 * run.episodes_done / run.config.episodes),
        status_sentence=_STATUS_SENTENCES[run.status],
        facts=_build_facts(run, need),
        learning=list(draw_learning(run)),
        machine=[draw_speed(run.records), draw_memory(run, need)] if run.records else [],
        budget=compare_with_budget(run, need, run.config.budget or host.plan.budget_bytes),
        budget_source=_describe_budget_source(run, host),
        rows=_select_rows(run.records),
        gallery=draw_gallery(run.snapshots) if run.snapshots else None,
        measures=list(draw_measures(run.snapshots)) if run.snapshots else [],
        evaluation=run.evaluation,
        no_pictures=explain_no_pictures(run),
        need=need,
        plan_rows=_build_plan_rows(run, host.plan, need),
        reasons=[(format_key(path), because) for path, because in host.plan.reasons.items()],
        findings=findings,
        shown=[finding for severity in _SHOWN_SEVERITIES for finding in findings[severity]],
        entries=list(build_timeline(run.journal)),
        settings=asdict(run.config),
    )


def _build_facts(run: Run, need: Estimate | None) -> list[Fact]:
    records = run.records
    if not records:
        return []
    best = run.best_record
    seconds = sum(record.seconds for record in records)
    predicted = "" if need is None else format_size(select_comparable_peak(run, need))
    note = predicted and f"predicted {predicted}"
    episode = format_duration(seconds / len(records))
    speeds = [record.steps_per_second for record in records]
    return [
        Fact("Loss", f"{records[-1].loss:.4g}", f"best {best.loss:.4g}, episode {best.episode:,}"),
        Fact("Speed", f"{median(speeds):,.3g}", "steps per second, median"),
        Fact("Peak memory", format_size(find_measured_peak(records)), note),
        Fact("Time", format_duration(seconds), f"{episode} per episode"),
    ]


def _select_rows(records: Sequence[EpisodeRecord]) -> list[EpisodeRecord]:
    """Return the first record, the last, and evenly spaced ones between them."""
    if len(records) <= _MAX_ROWS:
        return list(records)
    last = len(records) - 1
    return [records[round(last * number / (_MAX_ROWS - 1))] for number in range(_MAX_ROWS)]


def _build_plan_rows(run: Run, today: PlanEntry, need: Estimate | None) -> list[PlanRow]:
    config = run.config
    budget = "unknown" if today.budget_bytes is None else format_size(today.budget_bytes)
    configured = format_size(config.budget) if config.budget else "the device's free memory"
    peak = "not decided" if need is None else format_size(need.predicted_peak_bytes)
    outside = "not decided" if need is None else format_size(need.context_bytes)
    return [
        PlanRow("Device", config.device, today.device),
        PlanRow("Profile", config.profile, today.profile),
        PlanRow("Precision", config.precision, today.precision),
        PlanRow("Recompute", config.recompute, today.recompute),
        PlanRow("Optimizer state", config.optimizer_state, today.optimizer_state),
        PlanRow("Batch size", str(config.batch_size), str(today.batch_size)),
        PlanRow("Predicted peak", peak, format_size(today.predicted_peak_bytes)),
        PlanRow("Outside of tensors", outside, format_size(today.context_bytes)),
        PlanRow("Budget", configured, budget),
    ]


def _describe_budget_source(run: Run, host: HostSection) -> str:
    if run.config.budget:
        return "set in the configuration"
    return "as of today, " + host.plan.reasons["trainer.budget_bytes"]


def _select(findings: Sequence[FindingEntry], severity: Severity) -> list[FindingEntry]:
    return [finding for finding in findings if finding.severity == severity]
