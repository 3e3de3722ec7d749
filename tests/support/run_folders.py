"""Write run folders like those of a trainer, without training."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from qca.core.config import TrainConfig
from qca.runs.events import EpisodeRecord, Started

CONFIG = TrainConfig(
    profile="cpu",
    device="cpu",
    grid=8,
    d_state=3,
    hidden_channels=4,
    steps=5,
    episodes=6,
    recompute="none",
    precision="fp32",
    optimizer_state="device",
)

STEP = {"recompute": "step", "optimizer_state": "device", "predicted_peak_bytes": 10}
TIME = "2026-02-03T04:05:06+00:00"


def record(episode: int, **changes: Any) -> EpisodeRecord:
    """Return the record of an episode; the loss decreases."""
    fields = {
        "episode": episode,
        "loss": 4.0 / episode,
        "components": {"survival": 0.4 / episode, "symmetry": 0.01, "complexity": 2.0},
        "energy": 0.9,
        "noise_rate": 0.001 * episode,
        "learning_rate": 1e-4,
        "gradient_norm": 3.0,
        "seconds": 0.5,
        "steps_per_second": 10.0,
        "memory_bytes": 300 * 2**20,
    }
    return EpisodeRecord.model_validate({**fields, **changes})


def make_started(first: int = 1) -> Started:
    """Return the start of a training session as the trainer reports it."""
    return Started(
        run="first",
        device="cpu",
        parameters=10,
        first_episode=first,
        episodes=5,
        steps=3,
        grid=8,
        batch_size=1,
        recompute="step",
    )


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"time": TIME, "event": kind, **fields}


def start_event(first: int = 1, **changes: Any) -> dict[str, Any]:
    """Return the start of a training session as in the journal."""
    fields = make_started(first).model_dump(mode="json", exclude_none=True)
    return {"time": TIME, **fields, **changes}


def skip_event(episode: int) -> dict[str, Any]:
    return event("skipped", episode=episode, because="the loss is nan", loss_scale=1.0)


def finish_event(episodes: int, reason: str = "complete") -> dict[str, Any]:
    return event("finished", episodes=episodes, reason=reason)


def write_run(
    folder: Path,
    records: Iterable[EpisodeRecord],
    *,
    events: Sequence[dict[str, Any]] = (),
    **config: Any,
) -> Path:
    """Write a run's configuration, metrics and journal; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = CONFIG.override(run=folder.name, **config)
    (folder / "config.json").write_text(json.dumps(asdict(chosen)))
    lines = "".join(one.model_dump_json() + "\n" for one in records)
    (folder / "metrics.jsonl").write_text(lines)
    if events:
        (folder / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    return folder


def complete_run(folder: Path, **config: Any) -> Path:
    """Write a run of six episodes without problems, including pictures."""
    write_run(folder, map(record, range(1, 7)), events=[start_event(), finish_event(6)], **config)
    write_states(folder, {0: field(), 3: field(1), 5: field(2)})
    return folder


def eventful_run(folder: Path) -> Path:
    """Write a longer run, with a kill, a resume, skipped episodes and one lack of memory."""
    skipped = (40, 41, 130)
    events = [
        start_event(),
        *(event("checkpoint", episode=n, path="x") for n in (50, 100)),
        *map(skip_event, skipped[:2]),
        start_event(first=101),
        skip_event(skipped[2]),
        event("plan-changed", episode=120, because="out of memory", **STEP),
        event("noted", message="CUDA graphs cannot be used here"),
        event("something-younger", answer=42),
        finish_event(160, "stopped"),
    ]
    made = (record(n) for n in range(1, 161) if n not in skipped)
    write_run(folder, made, events=events, episodes=200)
    return folder


def field(seed: int = 0, cells: int = 8) -> NDArray[np.complex64]:
    """Return cells with three components, each normalized."""
    parts = np.random.default_rng(seed).standard_normal((2, 3, cells, cells))
    psi = parts[0] + 1j * parts[1]
    return (psi / np.linalg.norm(psi, axis=0)).astype(np.complex64)


def write_states(folder: Path, states: dict[int, NDArray[np.complex64]], episode: int = 6) -> None:
    parts = {
        str(step): np.stack([psi.real, psi.imag]).astype(np.float32) for step, psi in states.items()
    }
    header = {"format": "qca-states-1", "episode": str(episode)}
    save_file(parts, folder / "states.safetensors", metadata=header)
