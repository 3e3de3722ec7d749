"""A real training run on this machine's CPU takes no more memory than predicted."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qca.core.config import ResolvedRecompute, TrainConfig, apply_profile
from qca.core.units import MIB
from qca.memory.budget import estimate
from tests.support.machines import CPU
from tests.support.program import environment

PROGRAM = """
import json, sys, torch
from qca.core.config import ResolvedRecompute, TrainConfig
from qca.train.memory import read_peak_resident_bytes
from qca.train.trainer import Trainer

trainer = Trainer(TrainConfig(**json.loads(sys.argv[1])), torch.device("cpu"))
for _ in range(2):
    trainer.apply_gradients(trainer.compute_gradients(lambda: None))
print(read_peak_resident_bytes())
"""


def measure_resident(values: dict[str, Any]) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(values)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(
    ("recompute", "values"),
    [
        ("step", {"grid": 16, "d_state": 4, "hidden_channels": 16, "steps": 50}),
        ("none", {"grid": 64, "d_state": 8, "hidden_channels": 32, "steps": 10}),
        ("step", {"steps": 2}),
        ("two-level", {"steps": 9}),
        ("none", {"steps": 2}),
        (
            "step",
            {"grid": 128, "d_state": 16, "hidden_channels": 16, "steps": 6, "batch_size": 4},
        ),
    ],
)
def test_memory_stays_within_peak_and_context(
    recompute: ResolvedRecompute, values: dict[str, Any]
) -> None:
    train = TrainConfig(**values, recompute=recompute)
    found = estimate(train, recompute=recompute, machine=CPU)
    assert (
        0.75 * found.total_bytes
        <= measure_resident({**values, "recompute": recompute})
        <= found.total_bytes
    )


def run_episodes(runs: Path, *flags: str) -> tuple[int, int]:
    """Train with the profile `cpu`; return the predicted and the highest measured memory.

    The prediction is based on a new measurement of the resident floor.
    """
    command = [sys.executable, "-m", "qca", "train", "--profile=cpu", "--device=cpu"]
    done = subprocess.run(
        [*command, f"--runs={runs}", "--progress=json", *flags],
        env=environment(XDG_CACHE_HOME=str(runs)),
        capture_output=True,
        text=True,
        check=True,
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    started = next(event for event in events if event["event"] == "started")
    predicted = started["predicted_peak_bytes"] + started["predicted_context_bytes"]
    return predicted, max(event.get("memory_bytes", 0) for event in events)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(
    "flags",
    [(), ("--recompute=step", "--tapes=0"), ("--batch-size=2", "--steps=16"), ("--grid=32",)],
    ids=" ".join,
)
def test_a_hundred_episodes_stay_within_the_prediction(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    """Holes in malloc's heap grow for about a hundred episodes."""
    predicted, measured = run_episodes(tmp_path, "--episodes=100", *flags)
    assert 0.75 * predicted <= measured <= predicted


@pytest.mark.parametrize(
    ("values", "floor", "measured"),
    [
        ({}, 300.0, 349.1),
        ({"steps": 8}, 300.0, 324.0),
        ({"grid": 32}, 300.0, 390.3),
    ],
)
def test_the_peaks_of_recorded_runs_stay_within_the_prediction(
    values: dict[str, Any], floor: float, measured: float
) -> None:
    """Each is the peak, in MiB, of 60 to 100 episodes with the profile `cpu` (two cores)."""
    train = apply_profile(TrainConfig(profile="cpu", device="cpu").override(**values), "cpu")
    machine = replace(CPU, resident_floor=int(floor * MIB))
    found = estimate(train, recompute="none", machine=machine)
    assert 0.75 * found.total_bytes <= measured * MIB <= found.total_bytes


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize("recompute", ["step", "two-level"])
def test_memory_does_not_grow_with_the_number_of_steps(recompute: ResolvedRecompute) -> None:
    values = {"grid": 16, "d_state": 4, "hidden_channels": 4, "recompute": recompute}
    few, many = (measure_resident({**values, "steps": steps}) for steps in (50, 500))
    assert many <= 1.05 * few
    assert few > 100 * MIB  # it was measured
