"""The notes of a run about the way its steps are computed."""

import pytest

from qca.train.recorder import describe_runner
from qca.train.trainer import RunnerNotes


@pytest.mark.parametrize(
    ("notes", "unfused_because", "expected"),
    [
        (RunnerNotes(), None, []),
        (
            RunnerNotes(eager_because="no capture"),
            None,
            ["CUDA graphs cannot be used (no capture): steps are run one by one"],
        ),
        (
            RunnerNotes(trial_seconds=2.49),
            "no compiler",
            [
                "fused kernels cannot be used (no compiler): PyTorch's operators are used instead",
                "cuDNN's algorithms were chosen by trial in 2.5 s",
            ],
        ),
    ],
)
def test_unusual_decisions_are_reported(
    notes: RunnerNotes, unfused_because: str | None, expected: list[str]
) -> None:
    assert list(describe_runner(notes, unfused_because)) == expected
