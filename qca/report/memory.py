"""Compare a run's memory with its prediction and the budget."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from qca.core.units import format_size
from qca.memory.budget import Estimate, estimate
from qca.memory.machine import Machine
from qca.report.charts import Curve, Level, draw
from qca.report.curves import Chart, Legend, extract_series
from qca.runs.events import EpisodeRecord
from qca.runs.run import Run


@dataclass(frozen=True)
class BudgetBar:
    """Bytes of one process, in and outside tensors; the shares are percentages of the bar."""

    measured: int
    predicted: int
    budget: int
    measured_share: float
    predicted_share: float
    budget_share: float


def predict_memory(run: Run) -> Estimate | None:
    """Return the prediction for the run; None until its plan is decided."""
    config = run.config
    if config.recompute == "auto" or config.device == "auto":
        return None
    machine = Machine(config.device, fused=False, together=run.processes > 1)
    fastest = replace(machine, fused=config.device == "cuda")
    need, unfused = (
        estimate(config, recompute=config.recompute, machine=one) for one in (fastest, machine)
    )
    # The journal lacks the compute capability; its predicted peak shows which estimate applies.
    if run.predicted_peak_bytes == unfused.predicted_peak_bytes:
        need = unfused
    if run.predicted_context_bytes is None:
        return need
    # Use the recorded prediction, which may include a measurement of that machine's Python.
    other = need.context.kernels + need.context.nccl
    context = replace(need.context, runtime=run.predicted_context_bytes - other)
    return replace(need, context=context)


def find_measured_peak(records: Sequence[EpisodeRecord]) -> int:
    """Return the measured peak: the allocator's bytes on CUDA, the resident set on a CPU."""
    return max(record.reserved_bytes or record.memory_bytes for record in records)


def select_comparable_peak(run: Run, need: Estimate) -> int:
    """Return the prediction to compare with the measured peak; on a CPU it includes the context."""
    return need.total_bytes if run.config.device == "cpu" else need.predicted_peak_bytes


def draw_memory(run: Run, need: Estimate | None) -> Chart:
    """Return the chart of the peak so far, with the prediction as a level."""
    records, on_cpu = run.records, run.config.device == "cpu"
    x, y = extract_series(records, lambda record: float(record.memory_bytes))
    curves = [Curve("resident set of the process" if on_cpu else "allocated by tensors", x, y, "b")]
    if any(record.reserved_bytes is not None for record in records):
        reserved = extract_series(records, lambda record: float(record.reserved_bytes or 0))
        curves.append(Curve("reserved by the allocator", *reserved, color="a"))
    caption = f"The peak so far; it ends at {format_size(find_measured_peak(records))}"
    legend = [Legend(curve.label, curve.color) for curve in curves]
    levels: list[Level] = []
    if need is not None:
        predicted = select_comparable_peak(run, need)
        levels.append(Level("predicted", float(predicted)))
        label = "predicted, including the interpreter" if on_cpu else "predicted"
        legend.append(Legend(label, "ink", "level"))
        share = find_measured_peak(records) / predicted
        caption += f", {share:.0%} of the predicted {format_size(predicted)}"
    svg = draw("memory", curves, quantity="bytes", levels=levels, from_zero=True)
    return Chart("Memory", f"{caption}.", Markup(svg), tuple(legend))


def compare_with_budget(run: Run, need: Estimate | None, budget: int | None) -> BudgetBar | None:
    """Return the measured and predicted peaks and the budget; None if any of them is unknown."""
    if need is None or not run.records or not budget:
        return None
    outside = 0 if run.config.device == "cpu" else need.context_bytes
    peak = find_measured_peak(run.records) + outside
    whole = max(budget, peak, need.total_bytes)
    return BudgetBar(
        measured=peak,
        predicted=need.total_bytes,
        budget=budget,
        measured_share=100 * peak / whole,
        predicted_share=100 * need.total_bytes / whole,
        budget_share=100 * budget / whole,
    )
