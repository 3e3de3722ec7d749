"""The run's memory beside what was predicted and what was allowed."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from qca.core.units import format_size
from qca.memory.budget import Estimate, estimate
from qca.report.charts import Curve, Level, draw
from qca.report.curves import Chart, Legend, series
from qca.runs.events import EpisodeRecord
from qca.runs.run import Run


@dataclass(frozen=True)
class Budget:
    """Bytes of one process, all that it holds included; the shares are of the bar, in percent."""

    measured: int
    predicted: int
    budget: int
    measured_share: float
    predicted_share: float
    budget_share: float


def predicted_need(run: Run) -> Estimate | None:
    """Return what is predicted for the run; None while its plan is not decided."""
    config = run.config
    if config.recompute == "auto" or config.device == "auto":
        return None
    together = run.processes > 1
    return estimate(config, recompute=config.recompute, device=config.device, together=together)


def measured(records: Sequence[EpisodeRecord]) -> int:
    """Return the peak: on CUDA what the allocator took, on a CPU the resident set."""
    return max(record.reserved_bytes or record.memory_bytes for record in records)


def comparable(run: Run, need: Estimate) -> int:
    """Return the prediction of what `measured` measures: a resident set has the context in it."""
    return need.total_bytes if run.config.device == "cpu" else need.predicted_peak_bytes


def memory(run: Run, need: Estimate | None) -> Chart:
    """Return the chart of the peak so far, with the prediction as a level."""
    records, on_cpu = run.records, run.config.device == "cpu"
    x, y = series(records, lambda record: float(record.memory_bytes))
    curves = [Curve("resident set of the process" if on_cpu else "allocated by tensors", x, y, "b")]
    if any(record.reserved_bytes is not None for record in records):
        reserved = series(records, lambda record: float(record.reserved_bytes or 0))
        curves.append(Curve("reserved by the allocator", *reserved, colour="a"))
    says = f"The peak so far, at the end {format_size(measured(records))}"
    legend = [Legend(curve.label, curve.colour) for curve in curves]
    levels: list[Level] = []
    if need is not None:
        predicted = comparable(run, need)
        levels.append(Level("predicted", float(predicted)))
        label = "predicted, the interpreter included" if on_cpu else "predicted"
        legend.append(Legend(label, "ink", "level"))
        share = measured(records) / predicted
        says += f": {share:.0%} of the predicted {format_size(predicted)}"
    svg = draw("memory", curves, quantity="bytes", levels=levels, from_zero=True)
    return Chart("Memory", f"{says}.", Markup(svg), tuple(legend))


def within_budget(run: Run, need: Estimate | None, budget: int | None) -> Budget | None:
    """Return measured and predicted within the budget; None where one of them is unknown."""
    if need is None or not run.records or not budget:
        return None
    outside = 0 if run.config.device == "cpu" else need.context_bytes
    peak = measured(run.records) + outside
    whole = max(budget, peak, need.total_bytes)
    return Budget(
        measured=peak,
        predicted=need.total_bytes,
        budget=budget,
        measured_share=100 * peak / whole,
        predicted_share=100 * need.total_bytes / whole,
        budget_share=100 * budget / whole,
    )
