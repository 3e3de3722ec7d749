"""The process that times a strategy also answers if it cannot be timed."""

import io
import json
from dataclasses import asdict

import pytest
import torch

from qca.core.config import TrainConfig
from qca.core.errors import LaunchError
from qca.train import step_timing


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (MemoryError(), "MemoryError"),
        (torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate"), "CUDA out of memory."),
        (LaunchError("no GPU", hint="Look."), "no GPU"),
    ],
)
def test_an_error_is_answered_with_its_first_line(monkeypatch, capsys, error, answer):
    request = {"train": asdict(TrainConfig()), "limit_bytes": None, "gradient": "x"}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request)))
    monkeypatch.setattr(step_timing, "time_episode", lambda *_: (_ for _ in ()).throw(error))

    assert step_timing.main() == 0
    assert json.loads(capsys.readouterr().out) == {"error": answer}


@pytest.mark.parametrize(
    ("times", "count"),
    [
        pytest.param([0.7, 0.2, 0.25, 0.3, 0.2], 5, id="five episodes"),
        pytest.param([0.125] * 8, 8, id="one second of short ones"),
        pytest.param([20.0, 17.0], 2, id="two slow ones"),
    ],
)
def test_the_least_of_several_times_counts(times: list[float], count: int) -> None:
    waiting = iter([*times, *[0.01] * 9])

    assert step_timing.find_fastest(lambda: next(waiting)) == min(times)
    assert len(list(waiting)) == 9 + len(times) - count
