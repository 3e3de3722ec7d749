"""Show other ways to train, as a table under the plan and as a hint at launch."""

from collections.abc import Sequence

from rich.table import Table

from infra.stack.alternatives import Alternative
from qca.core.units import format_size

# Smaller speedups are not worth a hint.
_MUCH_FASTER = 0.7


def build_alternatives_table(alternatives: Sequence[Alternative]) -> Table:
    """Return a row per alternative, fastest first, with its time relative to the plan's."""
    titles = ("precision", "recompute", "segment", "memory", "fits", "time", "drift")
    table = Table(*titles, box=None, pad_edge=False, header_style="bold")
    for column in table.columns[2:]:
        column.justify = "right"
    for alternative in alternatives:
        table.add_row(
            f"{alternative.precision} *" if alternative.is_planned else alternative.precision,
            alternative.recompute,
            str(alternative.segment),
            format_size(alternative.total_bytes),
            {True: "yes", False: "no", None: "unknown"}[alternative.fits],
            f"{alternative.time_ratio:.2f}",
            f"{alternative.drift:.0e}" if alternative.drift else "0",
            style="bold" if alternative.is_planned else "",
        )
    return table


def describe_sources(alternatives: Sequence[Alternative]) -> str:
    """Return the source of the table's figures."""
    columns = (
        "Time is relative to the plan (*); drift is the error of the gradient relative to fp32. "
        "Choose another plan with --precision, --recompute and --segment."
    )
    unmeasured = dict.fromkeys(
        alternative.precision for alternative in alternatives if not alternative.is_measured
    )
    if not unmeasured:
        return f"The times and the drift were measured here by `qca estimate --measure`. {columns}"
    if any(alternative.is_measured for alternative in alternatives):
        return (
            f"`qca estimate --measure` did not measure {', '.join(unmeasured)} here: the times are "
            "estimated from those that it measured, the drift is from an H100 with the full model. "
            f"{columns}"
        )
    source = "The times are from an H200 and the drift is from an H100, with the full model;"
    return f"{source} `qca estimate --measure` measures this GPU. {columns}"


def describe_faster_precision(alternatives: Sequence[Alternative]) -> str | None:
    """Return a hint if a lower precision would be much faster, otherwise None."""
    planned = next((alternative for alternative in alternatives if alternative.is_planned), None)
    faster = [
        alternative
        for alternative in alternatives
        if alternative.fits and alternative.time_ratio < _MUCH_FASTER
    ]
    if planned is None or planned.precision != "fp32" or not faster:
        return None
    least_drift = min(faster, key=lambda alternative: alternative.drift)
    return (
        f"This GPU would take about {least_drift.time_ratio:.2f} times as long with --precision "
        f"{least_drift.precision}; `qca plan` compares the alternatives."
    )
