"""Read a trained automaton from a run, a checkpoint or an exported file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from torch import Tensor

from qca.core.config import TrainConfig
from qca.core.errors import CheckpointError, InputError
from qca.core.tensor_file import open_tensors
from qca.runs.run import find_run
from qca.runs.run_folder import RunFolder
from qca.runs.saved_config import read_config
from qca.train.checkpoint import MODEL, find_newest_intact, read_checkpoint
from qca.train.weights import read_weights
from qca.train.weights_file import make_read_error, recognize_format

EXPORT_FORMAT = "qca-weights-1"
"""The value of `format` in the metadata of an exported safetensors file, next to `config`."""


@dataclass(frozen=True)
class Saved:
    """An automaton as saved in a file or a run folder."""

    name: str
    """Name of the run."""
    config: TrainConfig
    weights: dict[str, Tensor]
    """Weights by the model's state-dict names, on the CPU."""
    episode: int | None
    """Number of complete episodes trained; None if the file does not say."""
    folder: Path | None
    """The run folder; None if it was read from a file."""
    damaged: tuple[str, ...] = ()
    """What is wrong with each newer checkpoint of the run that is damaged."""


def read_saved(what: str | Path, runs: Path) -> Saved:
    """Read an automaton from a run (by name or folder), a checkpoint, or an exported file.

    Raises:
        InputError: it does not exist, or is not one of these.
        CheckpointError: it is damaged, or the run has no checkpoint yet.

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
            f"run {config.run} has no checkpoint yet",
            hint="Train it first: `qca up` writes one every few episodes.",
        )
    weights = checkpoint.select(MODEL)
    return Saved(config.run, config, weights, checkpoint.episode, path, tuple(damaged))


def _read_file(path: Path) -> Saved:
    try:
        if recognize_format(path) == "torch":
            return _read_torch_file(path)
        with open_tensors(path, "pt") as file:
            header = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise make_read_error(path, error) from None
    if header.get("format") == EXPORT_FORMAT:
        return _build_saved(path, header, read_weights(path))
    if "qca" in header:
        checkpoint = read_checkpoint(path)
        config = _build_config(path, dict(checkpoint.config))
        return Saved(config.run, config, checkpoint.select(MODEL), checkpoint.episode, None)
    raise InputError(
        f"{path}: neither a checkpoint nor an exported automaton",
        hint="Its metadata do not describe an automaton, unlike those of `qca export`.",
    )


def _read_torch_file(path: Path) -> Saved:
    """Read a .pth file from `qca export` with `weights_only`, so that no code in it runs."""
    weights = read_weights(path)  # raises if the file cannot be read
    content: object = torch.load(path, map_location="cpu", weights_only=True)
    header = _select_mapping(content).get("qca")
    if _select_mapping(header).get("format") != EXPORT_FORMAT:
        raise InputError(
            f"{path}: has weights, but no metadata that describe the automaton",
            hint="Train with them (`qca train --init FILE`), or export them with `qca export`.",
        )
    return _build_saved(path, _select_mapping(header), weights)


def _select_mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is a dictionary, otherwise an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _build_saved(path: Path, header: Mapping[str, Any], weights: dict[str, Tensor]) -> Saved:
    try:
        values = json.loads(header.get("config", ""))
        episode = int(header["episode"]) if header.get("episode") else None
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path}: cannot read its metadata: {error}", hint="Export it again."
        ) from None
    config = _build_config(path, values)
    return Saved(config.run, config, weights, episode, None)


def _build_config(path: Path, values: dict[str, Any]) -> TrainConfig:
    try:
        return TrainConfig(**values)
    except (ValidationError, TypeError) as error:
        raise InputError(
            f"{path}: its configuration is from another version: {str(error).splitlines()[0]}",
            hint="Use the version of qca that wrote it.",
        ) from None
