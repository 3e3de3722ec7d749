"""A peak above its prediction is reported, once."""

import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from qca.core.units import MIB
from qca.memory.budget import Breakdown, estimate
from qca.memory.context import Context
from qca.runs.events import Event, Noted
from qca.train.memory import PeakMemory, describe_excess
from qca.train.request import TrainRequest
from qca.train.session import run_session
from tests.support.machines import CPU
from tests.support.training import small


@pytest.mark.parametrize(
    ("memory", "peak", "context", "sentence"),
    [
        (PeakMemory(used=52 * MIB, reserved=None), 20 * MIB, 30 * MIB, None),
        (PeakMemory(used=53 * MIB, reserved=None), 20 * MIB, 30 * MIB, "takes 53 MiB .* 50 MiB"),
        (PeakMemory(used=19 * MIB, reserved=40 * MIB), 20 * MIB, 30 * MIB, None),
        (PeakMemory(used=19 * MIB, reserved=42 * MIB), 20 * MIB, 0, "takes 42 MiB .* 20 MiB"),
        (PeakMemory(used=50 * MIB, reserved=None), None, 30 * MIB, None),
        (PeakMemory(used=50 * MIB, reserved=None), 20 * MIB, None, None),
    ],
)
def test_a_resident_set_includes_the_context_and_an_allocator_does_not(
    memory: PeakMemory, peak: int | None, context: int | None, sentence: str | None
) -> None:
    found = describe_excess(memory, peak, context)
    if sentence is None:
        assert found is None
    else:
        assert re.search(sentence, found or "")


@pytest.mark.parametrize(("context", "notes"), [(1, 1), (2**40, 0)])
def test_a_run_above_its_prediction_reports_it_once(
    tmp_path: Path, context: int, notes: int
) -> None:
    events: list[Event] = []
    tiny = replace(
        estimate(small(), recompute="step", machine=CPU),
        breakdown=Breakdown(1, 0, 0, 0, 0, 0),
        context=Context(context),
    )
    request = TrainRequest(small(), tmp_path, predicted=tiny)
    run_session(request, threading.Event(), listeners=[events.append])
    found = [event for event in events if isinstance(event, Noted)]
    assert sum("more than the predicted" in event.message for event in found) == notes
