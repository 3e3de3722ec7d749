"""A measured step time."""

from dataclasses import replace
from typing import Any

from qca.core.step_timing import StepTiming

CARD = "NVIDIA GeForce GTX 1650"


def make_timing(**changes: Any) -> StepTiming:
    timing = StepTiming(
        device=CARD,
        torch="2.13.0+cu130",
        grid=64,
        d_state=14,
        hidden_channels=128,
        batch_size=1,
        update="cartesian",
        recompute="step",
        segment=1,
        precision="fp32",
        steps=64,
        seconds=0.1,
        peak_bytes=10**9,
        drift=None,
    )
    return replace(timing, **changes)
