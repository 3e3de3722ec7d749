"""Train for a second or two, and read the results."""

import threading
from pathlib import Path

import torch

from qca.core.config import TrainConfig
from qca.runs.events import ConfigChanged, EpisodeRecord, Event
from qca.runs.metrics_log import read_records
from qca.train.checkpoint import Checkpoint, find_newest_intact
from qca.train.request import TrainRequest
from qca.train.session import run_session
from qca.train.step_result import SkippedStep, StepResult
from qca.train.trainer import Trainer
from qca.train.weights import build_model

SMALL = TrainConfig(
    device="cpu",
    grid=8,
    d_state=2,
    hidden_channels=4,
    steps=4,
    episodes=6,
    checkpoint_every=2,
    recompute="step",
    learning_rate=1e-2,
    max_noise=1.0,
)


def small(**changes) -> TrainConfig:
    return SMALL.override(**changes)


def make_other_weights(**changes) -> dict[str, torch.Tensor]:
    """Return weights that differ from the initial ones of a small run."""
    return build_model(small(seed=7, **changes)).state_dict()


class StopAfter:
    """A stop flag that is set after `reads` reads; it is read once between any two steps."""

    def __init__(self, reads: int) -> None:
        self.reads = reads

    def is_set(self) -> bool:
        self.reads -= 1
        return self.reads < 0


def run_episode(trainer: Trainer) -> StepResult | SkippedStep:
    """Run one episode and one optimizer step."""
    return trainer.apply_gradients(trainer.compute_gradients(lambda: None))


def run(
    config: TrainConfig, folder: Path, *, resume: bool = False, stop=None, init: Path | None = None
) -> list[Event]:
    events: list[Event] = []
    request = TrainRequest(config, folder, resume=resume, init=init)
    run_session(request, stop or threading.Event(), listeners=[events.append])
    return events


def list_kinds(events: list[Event]) -> list[str]:
    return [event.event for event in events]


def read_newest(folder: Path) -> Checkpoint:
    found, _ = find_newest_intact(folder / "checkpoints")
    assert found is not None
    return found


def read_learned(folder: Path) -> list[dict]:
    """Return the records without their durations and memory."""
    measured = {"seconds", "steps_per_second", "memory_bytes"}
    return [r.model_dump(exclude=measured) for r in read_records(folder / "metrics.jsonl")]


def select_changes(events: list[Event]) -> list[ConfigChanged]:
    return [event for event in events if isinstance(event, ConfigChanged)]


def select_records(events: list[Event]) -> list[EpisodeRecord]:
    return [event for event in events if isinstance(event, EpisodeRecord)]
