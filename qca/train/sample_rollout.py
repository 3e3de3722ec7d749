"""Save a rollout of the trained model, sampled at a few steps, as `states.safetensors`.

The file is written only when a run is complete, because the rollout takes additional memory and up
to a third of an episode's time. A failure is only a warning, because the trained model is already
saved.
"""

import gc
from collections.abc import Callable
from pathlib import Path

import torch

from qca.core.config import TrainConfig
from qca.core.errors import QcaError
from qca.core.units import MIB
from qca.model.evolution import Evolution
from qca.model.initial_state import draw_initial_state
from qca.runs.events import Finish
from qca.runs.run_folder import RunFolder
from qca.runs.snapshots import write_snapshots
from qca.train.checkpoint import MODEL, find_newest_intact
from qca.train.request import StopFlag
from qca.train.weights import build_model

# Frames of the report's animation: enough for smooth motion, or fewer if the file would exceed the
# limit, but at least eight.
MAX_SAMPLES, MIN_SAMPLES = 48, 8
_LARGEST_FILE = 32 * MIB
_COMPLEX = 8  # bytes per number


def sample_when_complete(
    finish: Finish,
    config: TrainConfig,
    run_dir: Path,
    *,
    stop: StopFlag,
    warn: Callable[[str], None],
) -> None:
    """Write the states of a complete run, unless it was complete before and already has them."""
    has_states = RunFolder(run_dir).states.exists()
    if finish == "stopped" or (finish == "already-complete" and has_states):
        return
    try:
        write_sample_rollout(config, run_dir, stop=stop)
    # torch's out-of-memory errors are RuntimeErrors
    except (QcaError, MemoryError, RuntimeError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        warn(f"no pictures of the state: {first_line}")


def write_sample_rollout(config: TrainConfig, run_dir: Path, *, stop: StopFlag) -> None:
    """Evolve the run's first state with its newest checkpoint, without noise; write samples.

    Nothing is written if there is no checkpoint, or if `stop` is set during the rollout.

    Raises:
        CheckpointError: the states cannot be written, or no checkpoint can be read.
        LaunchError: another trainer is writing to the run.

    """
    gc.collect()  # captured graphs form reference cycles that hold device memory
    folder = RunFolder(run_dir)
    with folder.hold(), torch.inference_mode():
        checkpoint, _ = find_newest_intact(folder.checkpoints)
        if checkpoint is None:
            return
        cuda = config.device != "cpu" and torch.cuda.is_available()
        device = torch.device("cuda" if cuda else "cpu")
        model = build_model(config)
        model.load_state_dict(checkpoint.select(MODEL))
        evolution = Evolution(model.to(device), config.gamma, config.update)
        psi = draw_initial_state(config.seed, range(1), d_state=config.d_state, grid=config.grid)
        psi = psi.to(device)
        sample_steps = choose_sample_steps(config.steps, _COMPLEX * psi.numel())
        states, energies = {0: psi[0].cpu().numpy()}, {0: 1.0}
        for number in range(1, config.steps + 1):
            if stop.is_set():
                return
            folder.beat()
            step = evolution.advance(psi)
            psi = step.psi
            if number in sample_steps:
                states[number] = psi[0].cpu().numpy()
                energies[number] = step.squared_norm.mean().item()
        write_snapshots(folder.states, checkpoint.episode, states, energies)


def choose_sample_steps(steps: int, state_bytes: int = 0) -> list[int]:
    """Return the steps to sample: the start, the end, and steps evenly spaced between them."""
    most = max(MIN_SAMPLES, min(MAX_SAMPLES, _LARGEST_FILE // max(1, state_bytes)))
    count = min(most, steps + 1)
    return [round(steps * number / (count - 1)) for number in range(count)]
