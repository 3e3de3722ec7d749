"""Show the measurements of `qca estimate --measure` as a table or as JSON."""

from collections.abc import Iterator
from typing import Any

from qca.core.step_timing import StepTiming
from qca.core.units import format_count, format_size
from qca.memory.step_timings import find_step_timings_file
from qca.memory.ways import Way
from qca.train.measurement import Measurement


def describe_way(way: Way) -> str:
    """Describe in words a way to compute an episode."""
    segment = f" in segments of {way.segment} steps" if way.segment > 1 else ""
    return f"recompute {way.recompute}{segment} in {way.precision}"


def build_measurement_document(found: list[Measurement], steps: int) -> list[dict[str, Any]]:
    """Return the measurements as JSON, each with the seconds per episode of `steps` steps."""
    return [_encode(measurement, steps) for measurement in found]


def _encode(measurement: Measurement, steps: int) -> dict[str, Any]:
    timing = measurement.timing
    return {
        **measurement.way._asdict(),
        "predicted_bytes": measurement.predicted_bytes,
        "measured_bytes": timing.peak_bytes if timing else None,
        "measured_steps": timing.steps if timing else None,
        "batch_size": timing.batch_size if timing else None,
        "seconds_per_episode": timing.seconds * steps if timing else None,
        "samples_per_second": _count_samples(timing, steps) if timing else None,
        "drift": timing.drift if timing else None,
        "error": measurement.error,
    }


def _count_samples(timing: StepTiming, steps: int) -> float:
    return timing.batch_size / (timing.seconds * steps)


def print_measurements(found: list[Measurement], steps: int) -> None:
    """Print the measurements as a table."""
    from rich.console import Console  # slow to import, and not needed for JSON
    from rich.table import Table

    titles = ("recompute", "segment", "precision", "seconds", "samples/s")
    table = Table(*titles, "peak", "predicted", "drift", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for measurement in found:
        way = (measurement.way.recompute, str(measurement.way.segment), measurement.way.precision)
        table.add_row(*way, *_format_results(measurement, steps))
    console = Console(highlight=False)
    console.print(table)
    for line in _describe_conditions(found, steps):
        console.print(line)


def _format_results(measurement: Measurement, steps: int) -> tuple[str, ...]:
    predicted = format_size(measurement.predicted_bytes)
    if measurement.timing is None:
        return ("", "", "", predicted, "")
    timing = measurement.timing
    return (
        f"{timing.seconds * steps:.3g}",
        f"{_count_samples(timing, steps):.3g}",
        format_size(timing.peak_bytes),
        predicted,
        "" if timing.drift is None else f"{timing.drift:.1g}",
    )


def _describe_conditions(found: list[Measurement], steps: int) -> Iterator[str]:
    yield from (
        f"Not measured: {describe_way(measurement.way)}: {measurement.error}."
        for measurement in found
        if measurement.error
    )
    timing = next(measurement.timing for measurement in found if measurement.timing)
    yield (
        f"Measured on {timing.device} with torch {timing.torch} and batch {timing.batch_size}: the "
        f"peak of {format_count(timing.steps, 'step')}, the seconds per episode of "
        f"{format_count(steps, 'step')}, and the drift "
        "(the error of the gradient relative to fp32)."
    )
    yield f"Later plans use these times. To discard them, delete {find_step_timings_file()}."
