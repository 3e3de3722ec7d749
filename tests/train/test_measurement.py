"""Each way to run an episode is measured in a process of its own, with a time limit."""

import logging

import pytest

from qca.core.errors import LaunchError
from qca.memory.ways import Way
from qca.train import measurement
from tests.support.machines import CPU
from tests.support.training import small


def test_a_measurement_that_hangs_is_ended_and_logged(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(measurement, "_LONGEST_SECONDS", 0.01)
    announced: list[tuple[int, int, Way]] = []
    with pytest.raises(LaunchError, match=r"measured: it did not finish within 0\.01 s"):
        measurement.measure_ways(
            small(), CPU, ["fp32"], None, lambda *progress: announced.append(progress)
        )
    assert [(number, count) for number, count, _ in announced] == [(1, 3), (2, 3), (3, 3)]
    assert caplog.text.count("-m qca.train.step_timing` in 0.0") == 3
