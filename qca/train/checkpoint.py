"""Read and write checkpoints, from which a run resumes as if it had never stopped.

Each is a safetensors file, `episode-00000050.safetensors`, with the tensors of the model and the
optimizer. The header's metadata holds the episode, the loss, the schedule, the configuration and a
checksum over everything, as JSON. Reading a checkpoint never runs code. A checkpoint needs no state
of a random generator, because all random numbers come from counters (`model.random_streams`).

The newest few are kept, and so is the best one: the one whose most recent episodes had the lowest
mean loss.
"""

# safetensors' annotations are incomplete.
# pyright: reportUnknownVariableType=false
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from qca.core.atomic_files import replace_file
from qca.core.errors import CheckpointError
from qca.core.json_object import parse_object
from qca.core.plain_files import check_plain
from qca.core.tensor_file import open_tensors
from qca.runs.checkpoint_files import build_checkpoint_path, list_checkpoints
from qca.train.plateau import Plateau
from qca.train.precision import LossScale

SCHEMA_VERSION = 1

MODEL, OPTIMIZER = "model.", "optimizer."
"""The prefixes of the names of a checkpoint's tensors."""


@dataclass(frozen=True)
class Checkpoint:
    """A training run between two episodes."""

    episode: int
    """Number of finished episodes."""
    tensors: Mapping[str, Tensor]
    """The tensors, on the CPU: `model.*`, by state-dict names, and `optimizer.*`."""
    plateau: Plateau
    config: Mapping[str, Any]
    """The fields of the TrainConfig as JSON values."""
    loss_scale: LossScale = field(default_factory=LossScale)
    skipped: int = 0
    """Number of episodes that were skipped, without an optimizer step."""
    loss: float | None = None
    """Mean loss of the most recent episodes; None if unknown."""
    processes: int | None = None
    """Number of processes on all machines, each with its own batch; None if unknown."""

    def select(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names start with `prefix`, keyed by the rest of the name."""
        return {
            name.removeprefix(prefix): value
            for name, value in self.tensors.items()
            if name.startswith(prefix)
        }


def write_checkpoint(folder: Path, checkpoint: Checkpoint, *, keep: int) -> Path:
    """Write a checkpoint, remove older ones, and return its path.

    The newest `keep` remain, including the new one, and so does the best.

    Raises:
        CheckpointError: the file cannot be written; the existing checkpoints are unchanged.

    """
    path = build_checkpoint_path(folder, checkpoint.episode)
    description = {
        "schema_version": SCHEMA_VERSION,
        "episode": checkpoint.episode,
        "plateau": asdict(checkpoint.plateau),
        "loss_scale": asdict(checkpoint.loss_scale),
        "skipped": checkpoint.skipped,
        "loss": checkpoint.loss,
        "processes": checkpoint.processes,
        "config": dict(checkpoint.config),
    }
    text = json.dumps(description, sort_keys=True)
    header = {"qca": text, "sha256": _digest(text, checkpoint.tensors)}
    try:
        with replace_file(path) as unfinished:
            save_file(dict(checkpoint.tensors), unfinished, metadata=header)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path}: cannot write the checkpoint: {error}",
            hint=f"{_describe_newest(folder)} Free disk space or fix the permissions, then use "
            "--resume.",
        ) from None
    _prune(folder, checkpoint.episode, keep)
    return path


def read_checkpoint(path: Path) -> Checkpoint:
    """Read and verify a checkpoint.

    Raises:
        CheckpointError: the file is damaged, or has another format version.

    """
    try:
        check_plain(path, follow=False)
        with open_tensors(path, "pt") as file:
            header = file.metadata() or {}
            tensors: dict[str, Tensor] = {
                name: file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118
            }
        text = header["qca"]
        if header["sha256"] != _digest(text, tensors):
            raise _damage_error(path, "its checksum does not match its content")
        return _parse(path, parse_object(text), tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _damage_error(path, str(error)) from None


def find_best_episode(folder: Path) -> int | None:
    """Return the episode of the checkpoint with the lowest loss, or None if none has a loss.

    Among equals, the newest counts. Only checkpoints trained with the same loss function as the
    newest one are compared. Only the headers are read, because the files take a few hundred MiB; so
    a checkpoint with damaged tensors can be the best.
    """
    losses = [
        (name, loss, -episode)
        for episode, path in list_checkpoints(folder)
        for name, loss in _read_loss(path)
    ]
    comparable = [(loss, episode) for name, loss, episode in losses if name == losses[-1][0]]
    return -min(comparable)[1] if comparable else None


def find_newest_intact(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest intact checkpoint, if any, and the errors of newer ones.

    Raises:
        CheckpointError: there are checkpoints, but none is intact; or the newest intact one has
            another format version. It is not skipped, because a run that resumed from an older one
            would replace it.

    """
    damaged: list[str] = []
    for _, path in reversed(list_checkpoints(folder)):
        try:
            return read_checkpoint(path), damaged
        except _OtherVersionError:
            raise
        except CheckpointError as error:
            damaged.append(error.message)
    if damaged:
        raise CheckpointError(
            f"{folder}: cannot read any checkpoint: {damaged[0]}",
            hint="Restore one from a copy, or start another run with --run NAME.",
        )
    return None, damaged


def _parse(path: Path, description: dict[str, Any], tensors: dict[str, Tensor]) -> Checkpoint:
    version = description["schema_version"]
    if version != SCHEMA_VERSION:
        raise _OtherVersionError(
            f"{path}: the checkpoint has format version {version}, but this program reads "
            f"version {SCHEMA_VERSION}",
            hint="Use the version of qca that wrote it, or start another run with --run NAME.",
        )
    return Checkpoint(
        episode=description["episode"],
        tensors=tensors,
        plateau=Plateau(**description["plateau"]),
        # Older checkpoints do not have these keys.
        loss_scale=LossScale(**description.get("loss_scale", {})),
        skipped=description.get("skipped", 0),
        loss=description.get("loss"),
        processes=description.get("processes"),
        config=description["config"],
    )


class _OtherVersionError(CheckpointError):
    """The checkpoint has a format version that this version of qca does not read."""


def _read_loss(path: Path) -> list[tuple[str | None, float]]:
    """Return the name and the value of the loss in a checkpoint's header; an empty list if none."""
    try:
        check_plain(path, follow=False)
        with open_tensors(path, "np") as file:
            description = parse_object((file.metadata() or {})["qca"])
        loss, name = description["loss"], description["config"].get("loss")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError):
        return []
    return [(name, loss)] if isinstance(loss, float) else []


def _digest(text: str, tensors: Mapping[str, Tensor]) -> str:
    """Return a SHA-256 over the description and every tensor's name, type, shape and bytes."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _prune(folder: Path, episode: int, keep: int) -> None:
    """Remove old checkpoints, but none of an episode after `episode`."""
    best = find_best_episode(folder)
    older = [(number, path) for number, path in list_checkpoints(folder) if number <= episode]
    for number, path in older[:-keep]:
        if number != best:
            with suppress(OSError):  # the file only takes up space; the next call retries
                path.unlink(missing_ok=True)


def _describe_newest(folder: Path) -> str:
    checkpoints = list_checkpoints(folder)
    if not checkpoints:
        return "There is no earlier one."
    return f"The last good one is {checkpoints[-1][1].name}."


def _damage_error(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: the checkpoint is damaged: {why}",
        hint="An older one is used if there is one; otherwise restore it from a copy.",
    )
