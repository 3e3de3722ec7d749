"""Create automata as if by training: run folders with a checkpoint whose steps change the state."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from qca.automaton.automaton import Automaton
from qca.train.checkpoint import MODEL, Checkpoint, write_checkpoint
from qca.train.plateau import Plateau
from tests.support.models import lively_model
from tests.support.run_folders import CONFIG, complete_run


def write_trained_run(folder: Path, *, episode: int = 6, **config: Any) -> Path:
    """Write a complete run of six episodes with a checkpoint; return its folder."""
    complete_run(folder, **config)
    chosen = CONFIG.override(run=folder.name, **config)
    model = lively_model(chosen.d_state, chosen.hidden_channels)
    tensors = {MODEL + name: value for name, value in model.state_dict().items()}
    checkpoint = Checkpoint(episode, tensors, Plateau(), asdict(chosen))
    (folder / "checkpoints").mkdir(exist_ok=True)
    write_checkpoint(folder / "checkpoints", checkpoint, keep=3)
    return folder


def lively_automaton(folder: Path, **config: Any) -> Automaton:
    """Return the automaton of such a run, on the CPU."""
    return Automaton.load(write_trained_run(folder, **config), device="cpu")
