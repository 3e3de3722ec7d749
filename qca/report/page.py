"""The page: what is said, in which order; how it looks is in `page.html.j2` and `page.css`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from importlib.resources import files
from statistics import median
from typing import get_args

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from qca.core.units import format_size
from qca.memory.budget import Estimate, parameter_count
from qca.report.curves import learning, speed
from qca.report.formatting import count, duration, moment, prose, spaced
from qca.report.host_section import FindingEntry, HostSection, PlanEntry, Severity
from qca.report.memory import comparable, measured, memory, predicted_need, within_budget
from qca.report.no_pictures import why_no_pictures
from qca.report.pictures import gallery
from qca.report.timeline import entries
from qca.runs.events import EpisodeRecord
from qca.runs.run import Run, Status

# Rows of the table of episodes: as many as one reads.
_ROWS = 16

# Severities of the findings that are shown in full, the worst first.
_SHOWN: tuple[Severity, ...] = ("error", "warning", "info")

_STATUS_SENTENCES: dict[Status, str] = {
    "complete": "",
    "running": "The training still runs: this page shows it as it was when the page was made.",
    "stopped": "The run is not finished: it was stopped, with a checkpoint. The command that "
    "started it goes on from there.",
    "interrupted": "The run is not finished: it ended without a word, killed or with its machine. "
    "The command that started it goes on from the last checkpoint.",
    "not begun": "The training has not made an episode yet.",
}


@dataclass(frozen=True)
class Fact:
    """A number in the head of the page."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class PlanRow:
    """A row of the plan: how the run was made, and what this host would get today."""

    what: str
    run: str
    today: str


def render_page(run: Run, host: HostSection, now: datetime) -> str:
    """Return the page as HTML; the same input gives the same bytes."""
    here = files("qca.report")
    template = _environment(host).from_string((here / "page.html.j2").read_text(encoding="utf-8"))
    need = predicted_need(run)
    return template.render(
        run=run,
        host=host,
        now=now,
        version=metadata.version("qca"),
        css=Markup((here / "page.css").read_text(encoding="utf-8")),
        parameters=parameter_count(run.config.d_state, run.config.hidden_channels),
        share=min(100.0, 100 * run.done / run.config.episodes),
        status_sentence=_STATUS_SENTENCES[run.status],
        facts=_facts(run, need),
        learning=list(learning(run)),
        machine=[speed(run.records), memory(run, need)] if run.records else [],
        budget=within_budget(run, need, run.config.budget or host.plan.budget_bytes),
        budget_source=_budget_source(run, host),
        rows=_rows(run.records),
        gallery=gallery(run.snapshots) if run.snapshots else None,
        no_pictures=why_no_pictures(run),
        need=need,
        plan_rows=_plan_rows(run, host.plan, need),
        reasons=[(spaced(path), because) for path, because in host.plan.reasons.items()],
        findings={severity: _select(host.findings, severity) for severity in get_args(Severity)},
        shown=[finding for severity in _SHOWN for finding in _select(host.findings, severity)],
        entries=list(entries(run.events)),
        settings=asdict(run.config),
    )


def _environment(host: HostSection) -> Environment:
    environment = Environment(autoescape=True, undefined=StrictUndefined, lstrip_blocks=True)
    environment.filters |= {
        "size": format_size,
        "moment": moment,
        "count": count,
        "prose": lambda text: prose(host.clean(str(text))),
        "clean": lambda text: host.clean(str(text)),
    }
    return environment


def _facts(run: Run, need: Estimate | None) -> list[Fact]:
    records = run.records
    if not records:
        return []
    best = min(records, key=lambda record: record.loss)
    seconds = sum(record.seconds for record in records)
    predicted = "" if need is None else f"predicted {format_size(comparable(run, need))}"
    speeds = [record.steps_per_second for record in records]
    return [
        Fact("Loss", f"{records[-1].loss:.4g}", f"best {best.loss:.4g}, episode {best.episode:,}"),
        Fact("Speed", f"{median(speeds):,.3g}", "steps a second, median"),
        Fact("Peak memory", format_size(measured(records)), predicted),
        Fact("Time", duration(seconds), f"{duration(seconds / len(records))} an episode"),
    ]


def _rows(records: Sequence[EpisodeRecord]) -> list[EpisodeRecord]:
    """Return the first, the last, and some evenly between them."""
    if len(records) <= _ROWS:
        return list(records)
    last = len(records) - 1
    return [records[round(last * number / (_ROWS - 1))] for number in range(_ROWS)]


def _plan_rows(run: Run, today: PlanEntry, need: Estimate | None) -> list[PlanRow]:
    config = run.config
    budget = "unknown" if today.budget_bytes is None else format_size(today.budget_bytes)
    given = format_size(config.budget) if config.budget else "what the device had free"
    peak = "not decided" if need is None else format_size(need.predicted_peak_bytes)
    beside = "not decided" if need is None else format_size(need.context_bytes)
    return [
        PlanRow("Device", config.device, today.device),
        PlanRow("Profile", config.profile, today.profile),
        PlanRow("Precision", config.precision, today.precision),
        PlanRow("Recompute", config.recompute, today.recompute),
        PlanRow("Optimizer state", config.optimizer_state, today.optimizer_state),
        PlanRow("Batch size", str(config.batch_size), str(today.batch_size)),
        PlanRow("Predicted peak", peak, format_size(today.predicted_peak_bytes)),
        PlanRow("Outside of the tensors", beside, format_size(today.context_bytes)),
        PlanRow("Budget", given, budget),
    ]


def _budget_source(run: Run, host: HostSection) -> str:
    if run.config.budget:
        return "given in the configuration"
    return "that of today, " + host.plan.reasons["trainer.budget_bytes"]


def _select(findings: Sequence[FindingEntry], severity: Severity) -> list[FindingEntry]:
    return [finding for finding in findings if finding.severity == severity]
