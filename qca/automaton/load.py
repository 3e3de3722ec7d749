"""A trained automaton from where it was saved: a run, a checkpoint, or an exported file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from qca.core.config import TrainConfig
from qca.core.errors import CheckpointError, InputError
from qca.runs.run import find_run, read_config
from qca.runs.run_folder import RunFolder
from qca.train.checkpoint import MODEL, find_newest_intact, read_checkpoint
from qca.train.weights import is_torch_file, read_weights

EXPORT_FORMAT = "qca-weights-1"
"""The `format` in the metadata of an exported safetensors file; `config` stands beside it."""


@dataclass(frozen=True)
class Saved:
    """What a file or a run folder holds of an automaton."""

    name: str
    """The run's name."""
    config: TrainConfig
    weights: dict[str, Tensor]
    """By the model's state-dict names, on the CPU."""
    episode: int | None
    """Whole episodes trained; None if the file does not say."""
    folder: Path | None
    """The run folder, where it came from one."""
    damaged: tuple[str, ...] = ()
    """What is wrong with each newer checkpoint of the run that was left aside."""


def read_saved(what: str | Path, runs: Path) -> Saved:
    """Read a run's name or folder, a checkpoint, or a file of `qca export`.

    Raises:
        InputError: there is no such thing, or it is not one of these.
        CheckpointError: it is damaged, or a run has no checkpoint yet.

    """
    path = Path(what)
    if path.is_file():
        return _read_file(path)
    return _read_run(find_run(str(what), runs))


def _read_run(path: Path) -> Saved:
    folder = RunFolder(path)
    config = read_config(folder.config)
    checkpoint, damaged = find_newest_intact(folder.checkpoints)
    if checkpoint is None:
        raise CheckpointError(
            f"the run {config.run} has no checkpoint yet",
            hint="Train it first: `qca up` writes one every few episodes.",
        )
    weights = checkpoint.select(MODEL)
    return Saved(config.run, config, weights, checkpoint.episode, path, tuple(damaged))


def _read_file(path: Path) -> Saved:
    try:
        if is_torch_file(path):
            return _read_torch_file(path)
        with safe_open(path, framework="pt") as file:
            header: dict[str, str] = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path}: no weights can be read from it: {error}",
            hint="Restore the file from a copy, or export it anew.",
        ) from None
    if header.get("format") == EXPORT_FORMAT:
        return _build_saved(path, header, read_weights(path))
    if "qca" in header:
        checkpoint = read_checkpoint(path)
        config = _build_config(path, dict(checkpoint.config))
        return Saved(config.run, config, checkpoint.select(MODEL), checkpoint.episode, None)
    raise InputError(
        f"{path}: neither a checkpoint nor an exported automaton",
        hint="Its metadata does not say which automaton it is; `qca export` writes such files.",
    )


def _read_torch_file(path: Path) -> Saved:
    """Read a .pth of `qca export`: `weights_only`, so that no code in it is run."""
    weights = read_weights(path)  # refuses what cannot be read
    content = torch.load(path, map_location="cpu", weights_only=True)
    header = content.get("qca") if isinstance(content, dict) else None
    if not isinstance(header, dict) or header.get("format") != EXPORT_FORMAT:
        raise InputError(
            f"{path}: the weights of an automaton, but it does not say of which",
            hint="Train on with them: `qca train --init FILE`; or export them with `qca export`.",
        )
    return _build_saved(path, header, weights)


def _build_saved(path: Path, header: Mapping[str, str], weights: dict[str, Tensor]) -> Saved:
    try:
        values = json.loads(header.get("config", ""))
        episode = int(header["episode"]) if header.get("episode") else None
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path}: its metadata cannot be read: {error}", hint="Export it anew."
        ) from None
    config = _build_config(path, values)
    return Saved(config.run, config, weights, episode, None)


def _build_config(path: Path, values: dict[str, Any]) -> TrainConfig:
    try:
        return TrainConfig(**values)
    except (ValidationError, TypeError) as error:
        raise InputError(
            f"{path}: its configuration is not one of this version: {str(error).splitlines()[0]}",
            hint="Use the version of qca that wrote it.",
        ) from None
