"""The page: what is said, in which order; how it looks is in `page.html.j2` and `page.css`."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from importlib.resources import files
from itertools import groupby
from statistics import median
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from infra.doctor.check import Finding, Severity
from qca.memory.budget import Estimate, estimate, parameter_count
from qca.report.charts import SERIES, SMALL, WIDE, Colour, Curve, Level, draw, positive
from qca.report.host import Host
from qca.report.pictures import gallery
from qca.report.run import Run
from qca.train.metrics import EpisodeRecord
from qca.units import format_size

# The trainer clips gradients to this norm (`qca.train.trainer`, which would load torch).
GRADIENT_NORM_LIMIT = 1.0

# Rows of the table of episodes: as many as one reads.
_ROWS = 16

_WORST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.SKIPPED, Severity.INFO)


@dataclass(frozen=True)
class Chart:
    """A chart with the words that stand beside it."""

    title: str
    says: str
    """What the chart shows, for those who cannot see it too."""
    svg: Markup
    legend: tuple[tuple[str, Colour, bool], ...] = ()
    """Label, colour, and whether the line is a dashed level."""
    narrow: Markup | None = None
    """The same for a phone, where `svg` is wider than one."""


@dataclass(frozen=True)
class Fact:
    """A number in the head of the page."""

    label: str
    value: str
    note: str = ""


def render_page(run: Run, host: Host, now: datetime) -> str:
    """Return the page as HTML; the same input gives the same bytes."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"size": format_size, "moment": _moment, "clean": host.clean}
    here = files("qca.report")
    template = environment.from_string((here / "page.html.j2").read_text(encoding="utf-8"))
    need = _need(run)
    return template.render(
        run=run,
        host=host,
        now=now,
        version=metadata.version("qca"),
        css=Markup((here / "page.css").read_text(encoding="utf-8")),
        parameters=parameter_count(run.config.d_state, run.config.hidden_channels),
        started=_started(run),
        device=_device(run),
        share=100 * _done(run) / run.config.episodes,
        done=_done(run),
        facts=_facts(run, need),
        learning=list(_learning(run)),
        machine=list(_machine(run, need)) if run.records else [],
        budget=_budget(run, host, need),
        rows=_rows(run.records),
        components=list(run.records[-1].components) if run.records else [],
        gallery=gallery(run.snapshots) if run.snapshots else None,
        need=need,
        plan_rows=_plan_rows(run, host),
        reasons=[(_words(reason.for_), reason.because) for reason in host.plan.reasons],
        findings=_by_severity(host.findings),
        counts=Counter(finding.severity.value for finding in host.findings),
        entries=list(_entries(run.events)),
        settings=run.config.model_dump(mode="json"),
    )


def _done(run: Run) -> int:
    return run.records[-1].episode if run.records else 0


def _need(run: Run) -> Estimate | None:
    """Return what was predicted for the run; None while its plan is not decided."""
    config = run.config
    if config.recompute == "auto" or config.device == "auto":
        return None
    return estimate(config, recompute=config.recompute, device=config.device)


def _started(run: Run) -> datetime | None:
    times = [event["time"] for event in run.events if event["event"] == "started"]
    return datetime.fromisoformat(times[0]) if times else None


def _device(run: Run) -> str:
    devices = [event.get("device") for event in run.events if event["event"] == "started"]
    return str(devices[-1]) if devices and devices[-1] else run.config.device


# -- the head -------------------------------------------------------------------------------------


def _facts(run: Run, need: Estimate | None) -> list[Fact]:
    records = run.records
    if not records:
        return []
    best = min(records, key=lambda record: record.loss)
    speeds = [record.steps_per_second for record in records]
    seconds = sum(record.seconds for record in records)
    predicted = None if need is None else _comparable(run, need)
    return [
        Fact("Loss", f"{records[-1].loss:.4g}", f"best {best.loss:.4g}, episode {best.episode:,}"),
        Fact("Speed", f"{median(speeds):,.3g}", "steps a second, median"),
        Fact(
            "Peak memory",
            format_size(_measured(records)),
            "" if predicted is None else f"predicted {format_size(predicted)}",
        ),
        Fact("Time in episodes", _duration(seconds), f"{seconds / len(records):.3g} s each"),
    ]


def _measured(records: Sequence[EpisodeRecord]) -> int:
    """Return the peak: on CUDA what the allocator took, on a CPU the resident set."""
    return max(record.reserved_bytes or record.memory_bytes for record in records)


def _comparable(run: Run, need: Estimate) -> int:
    """Return the prediction of what `_measured` measures: a resident set has the context in it."""
    return need.total_bytes if run.config.device == "cpu" else need.predicted_peak_bytes


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if hours < 2 else f"{hours:.1f} h"


# -- the curves -----------------------------------------------------------------------------------


def _learning(run: Run) -> Iterator[Chart]:
    if not run.records:
        return
    yield _loss(run)
    yield _components(run.records)
    yield _gradient(run.records)
    yield _rates(run.records)
    yield _noise(run.records)


def _series(
    records: Sequence[EpisodeRecord], value: Callable[[EpisodeRecord], float]
) -> tuple[list[float], list[float]]:
    return [float(record.episode) for record in records], [value(record) for record in records]


def _loss(run: Run) -> Chart:
    x, y = _series(run.records, lambda record: record.loss)
    best = min(run.records, key=lambda record: record.loss)
    marks = _continued(run)
    said = (
        f"From {y[0]:.4g} in episode {x[0]:,.0f} to {y[-1]:.4g} in episode {x[-1]:,.0f}; "
        f"the best is {best.loss:.4g} in episode {best.episode:,}."
    )
    if marks:
        said += f" Dotted: where the run was continued ({len(marks)} times)."
    curve = Curve("loss", x, y, smooth=True)

    def drawn(size: tuple[int, int]) -> Markup:
        name = f"loss{size[0]}"
        return Markup(draw(name, [curve], size=size, marks=marks, log=positive(y)))

    legend: tuple[tuple[str, Colour, bool], ...] = ()
    if len(x) >= 75:  # from here on the running median is drawn
        legend = (("each episode, pale; running median, strong", "a", False),)
    return Chart("Loss", said, drawn(WIDE), legend, narrow=drawn(SMALL))


def _continued(run: Run) -> list[float]:
    """Return the episodes before which a session of the run began anew."""
    first = [event.get("first_episode") for event in run.events if event["event"] == "started"]
    return [number - 0.5 for number in first if isinstance(number, int) and number > 1]


def _components(records: Sequence[EpisodeRecord]) -> Chart:
    names = list(records[-1].components)
    curves = [
        Curve(
            name,
            *_series(records, lambda record, name=name: record.components.get(name, float("nan"))),
            colour=SERIES[number % len(SERIES)],
            smooth=True,
        )
        for number, name in enumerate(names)
    ]
    said = "; ".join(
        f"{name} {records[0].components.get(name, float('nan')):.3g} to "
        f"{records[-1].components[name]:.3g}"
        for name in names
    )
    return Chart(
        "Components of the loss",
        f"Each term before its factor, first episode to last: {said}.",
        Markup(draw("components", curves)),
        tuple((curve.label, curve.colour, False) for curve in curves),
    )


def _gradient(records: Sequence[EpisodeRecord]) -> Chart:
    x, y = _series(records, lambda record: record.gradient_norm)
    clipped = sum(norm > GRADIENT_NORM_LIMIT for norm in y)
    return Chart(
        "Norm of the gradient",
        f"Median {median(y):.3g}, largest {max(y):.3g}. Before clipping to "
        f"{GRADIENT_NORM_LIMIT:g}, which {clipped:,} of {len(y):,} episodes were.",
        Markup(
            draw(
                "gradient",
                [Curve("norm", x, y, smooth=True)],
                levels=[Level("limit", GRADIENT_NORM_LIMIT)],
                log=positive(y),
            )
        ),
        (("norm", "a", False), ("limit of the clipping", "ink", True)),
    )


def _rates(records: Sequence[EpisodeRecord]) -> Chart:
    x, y = _series(records, lambda record: record.learning_rate)
    changes = sum(one != other for one, other in zip(y, y[1:], strict=False))
    said = f"{y[0]:.3g} throughout." if not changes else (
        f"From {y[0]:.3g} to {y[-1]:.3g}, changed {changes} times: it is halved when the loss stalls."
    )
    return Chart(
        "Learning rate", said, Markup(draw("rate", [Curve("rate", x, y, "c")], from_zero=True))
    )


def _noise(records: Sequence[EpisodeRecord]) -> Chart:
    x, y = _series(records, lambda record: record.noise_rate)
    said = f"From {y[0]:.3g} to {y[-1]:.3g}: the share of cells whose phase a step disturbs."
    return Chart("Noise", said, Markup(draw("noise", [Curve("noise", x, y, "d")], from_zero=True)))


def _machine(run: Run, need: Estimate | None) -> Iterator[Chart]:
    yield _speed(run.records)
    yield _memory(run, need)


def _speed(records: Sequence[EpisodeRecord]) -> Chart:
    x, y = _series(records, lambda record: record.steps_per_second)
    return Chart(
        "Speed",
        f"Median {median(y):,.3g} steps a second, slowest {min(y):,.3g}, fastest {max(y):,.3g}; "
        "a step forward and backward, a batch counts once.",
        Markup(draw("speed", [Curve("speed", x, y, "b", smooth=True)], from_zero=True)),
    )


def _memory(run: Run, need: Estimate | None) -> Chart:
    records = run.records
    on_cpu = run.config.device == "cpu"
    x, y = _series(records, lambda record: float(record.memory_bytes))
    used = "resident set of the process" if on_cpu else "allocated"
    curves = [Curve(used, x, y, "b")]
    if any(record.reserved_bytes is not None for record in records):
        reserved = _series(records, lambda record: float(record.reserved_bytes or 0))
        curves.append(Curve("reserved by the allocator", *reserved, colour="a"))
    measured = f"Peak so far, at the end {format_size(_measured(records))}"
    legend: list[tuple[str, Colour, bool]] = [(one.label, one.colour, False) for one in curves]
    levels: list[Level] = []
    if need is not None:
        predicted = _comparable(run, need)
        levels.append(Level("predicted", float(predicted)))
        legend.append(("predicted peak" + (" with interpreter" if on_cpu else ""), "ink", True))
        share = _measured(records) / predicted
        measured += f": {share:.0%} of the predicted {format_size(predicted)}"
    svg = draw("memory", curves, levels=levels, from_zero=True, unit="bytes")
    return Chart("Memory", f"{measured}.", Markup(svg), tuple(legend))


def _budget(run: Run, host: Host, need: Estimate | None) -> dict[str, Any] | None:
    """Return the bar of measured and predicted within the budget; None where one is unknown."""
    budget = run.config.budget or host.plan.trainer.budget_bytes
    if need is None or not run.records or not budget:
        return None
    outside = 0 if run.config.device == "cpu" else need.context_bytes
    measured = _measured(run.records) + outside
    whole = max(budget, measured, need.total_bytes)
    because = {reason.for_: reason.because for reason in host.plan.reasons}
    source = "given in the configuration" if run.config.budget else because["trainer.budget_bytes"]
    return {
        "measured": measured,
        "predicted": need.total_bytes,
        "budget": budget,
        "source": source,
        "today": not run.config.budget,
        "measured_share": 100 * measured / whole,
        "predicted_share": 100 * need.total_bytes / whole,
        "budget_share": 100 * budget / whole,
    }


def _rows(records: Sequence[EpisodeRecord]) -> list[EpisodeRecord]:
    """Return the first, the last, and some evenly between them."""
    if len(records) <= _ROWS:
        return list(records)
    last = len(records) - 1
    return [records[round(last * number / (_ROWS - 1))] for number in range(_ROWS)]


# -- the plan, the host, the events ---------------------------------------------------------------


def _plan_rows(run: Run, host: Host) -> list[tuple[str, str, str]]:
    """Return what was decided: how the run is, and how this host would have it today."""
    config, today = run.config, host.plan.trainer
    return [
        ("Device", config.device, today.device),
        ("Profile", config.profile, today.profile),
        ("Recompute", config.recompute, today.recompute),
        ("Precision", config.precision, today.precision),
        ("Batch", str(config.batch_size), str(today.batch_size)),
    ]


def _words(name: str) -> str:
    return name.replace("_bytes", "").replace("_", " ").replace("-", " ").replace(".", ": ")


def _by_severity(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Return the findings by severity, the worst first, what is well last."""
    return {
        severity.value: [finding for finding in findings if finding.severity is severity]
        for severity in (*_WORST_FIRST, Severity.OK)
    }


@dataclass(frozen=True)
class Entry:
    """A line of the journal, or several checkpoints in a row."""

    time: str
    title: str
    text: str = ""
    inner: tuple["Entry", ...] = ()


def _entries(events: Sequence[dict[str, Any]]) -> Iterator[Entry]:
    for kind, group in groupby(events, key=lambda event: event["event"]):
        entries = [_entry(event) for event in group]
        if kind == "checkpoint" and len(entries) > 1:
            title = f"{len(entries)} checkpoints, the last: {_uncapitalized(entries[-1].title)}"
            yield Entry(entries[-1].time, title, inner=tuple(entries))
        else:
            yield from entries


def _entry(event: dict[str, Any]) -> Entry:
    """Say an event in words; also one of a kind that is younger than this."""
    time = str(event["time"])
    match event:
        case {"event": "started", "first_episode": int(first), "device": device}:
            title = "Started" if first == 1 else f"Continued with episode {first:,}"
            said = [f"On {device}, recompute {event.get('recompute', 'unknown')}"]
            return Entry(time, title, ". ".join([*said, *map(str, event.get("warnings") or ())]))
        case {"event": "checkpoint", "episode": int(episode)}:
            return Entry(time, f"Checkpoint of episode {episode:,}")
        case {"event": "finished", "reason": reason, "episodes": int(episodes)}:
            words = {"complete": "Complete", "stopped": "Stopped, with a checkpoint"}
            title = words.get(reason, _words(str(reason)).capitalize())
            return Entry(time, title, f"{episodes:,} episodes")
    fields = {key: value for key, value in event.items() if key not in ("time", "event")}
    title = _words(str(event["event"])).capitalize()
    return Entry(time, title, ", ".join(f"{_words(key)} {fields[key]}" for key in fields))


def _uncapitalized(text: str) -> str:
    return text[:1].lower() + text[1:]


def _moment(time: datetime | str) -> str:
    """Return a time for people; times in a shared page are in UTC."""
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            return time
    return f"{time.astimezone(UTC):%-d %b %Y, %H:%M} UTC"
