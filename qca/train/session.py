"""Run one training session: open the run folder, connect the trainer's events, run the loop.

A setting such as `steps` reaches the computation as follows: `qca train` (`qca.cli.train`) puts the
configuration into a `TrainRequest`; this module passes it to a `Trainer`;
`Trainer.compute_gradients` passes `steps` to the episode.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any, NamedTuple

import torch

from qca.core.config import TrainConfig
from qca.runs.events import ConfigChanged, Event, Finish, Listener, Noted, Warn
from qca.runs.journal import open_journal
from qca.runs.metrics_log import MetricsLog
from qca.runs.resume_messages import describe_batch_change
from qca.runs.resume_rules import (
    find_changes,
    require_same_config,
    restore_ineffective,
)
from qca.runs.run_folder import RunFolder
from qca.runs.saved_config import read_config
from qca.runs.tensorboard import open_tensorboard
from qca.train.checkpoint import Checkpoint, find_newest_intact
from qca.train.device import prepare_device
from qca.train.distributed.ranks import Ranks, join_ranks
from qca.train.loop import TrainingLoop
from qca.train.recorder import Recorder, RunRecorder
from qca.train.request import StopFlag, TrainRequest
from qca.train.sample_rollout import sample_when_complete
from qca.train.trainer import Trainer
from qca.train.weights import read_weights


def run_session(
    request: TrainRequest,
    stop: StopFlag,
    *,
    listeners: Sequence[Listener] = (),
    warn: Warn = lambda message: None,
) -> Finish:
    """Train as requested, and return why it ended: complete, already complete, or stopped.

    Each event goes to the run's journal, to its TensorBoard files and then to `listeners`, in this
    thread. Write errors in the first two are passed to `warn` and do not stop training.

    Raises:
        InputError: the folder belongs to another run or another configuration.
        LaunchError: another trainer has locked the folder, or the device does not exist.
        PlanError: the device does not have enough memory, even with cheaper strategies.
        CheckpointError: a file cannot be written or read back.
        QcaError: the loss or its gradient was not finite in several consecutive episodes.

    """
    predicted = request.predicted
    device = prepare_device(request.config, predicted and predicted.predicted_peak_bytes)
    with (
        join_ranks(device) as ranks,
        _open_training(request, device, ranks, stop, listeners, warn) as loop,
    ):
        finish = loop.run()
    if ranks.rank == 0:
        sample_when_complete(finish, request.config, request.folder, stop=stop, warn=warn)
    return finish


@contextmanager
def _open_training(
    request: TrainRequest,
    device: torch.device,
    ranks: Ranks,
    stop: StopFlag,
    listeners: Sequence[Listener],
    warn: Warn,
) -> Generator[TrainingLoop]:
    """Yield the loop, ready to continue the run; the first rank locks the run folder.

    If the block exits normally, the loop's memory is freed.
    """
    if ranks.rank > 0:
        trainer = Trainer(request.config, device, ranks)
        yield TrainingLoop(trainer, Recorder(), stop, predicted=request.predicted)
        return
    folder = RunFolder(request.folder)
    with folder.hold():
        start = _prepare_start(folder, request, device, ranks)
        with (
            closing(MetricsLog(folder.metrics, keep=start.trainer.episodes)) as metrics,
            _connect(folder, listeners, warn) as notify,
        ):
            recorder = RunRecorder(folder, metrics, notify, start.saved_episode)
            loop = TrainingLoop(
                start.trainer,
                recorder,
                stop,
                predicted=request.predicted,
                warnings=start.warnings,
                notes=start.changes,
            )
            yield loop
            loop.trainer.release()


class _Start(NamedTuple):
    """The trainer at the start of a session, and the facts to report."""

    trainer: Trainer
    saved_episode: int | None
    """The episode of the checkpoint; None for a new run."""
    warnings: list[str]
    changes: list[ConfigChanged | Noted]


def _prepare_start(
    folder: RunFolder, request: TrainRequest, device: torch.device, ranks: Ranks
) -> _Start:
    """Return the trainer with the run's checkpoint, if any; record the run's configuration."""
    checkpoint, warnings = _find_start(folder, request)
    trainer = Trainer(request.config, device, ranks)
    _load_start(trainer, checkpoint, request, folder)
    config = _describe_trained(request.config, checkpoint)
    changes = [] if checkpoint is None else _list_changes(folder, checkpoint, config, ranks)
    folder.write_config(config)
    saved_episode = None if checkpoint is None else trainer.episodes
    return _Start(trainer, saved_episode, warnings, changes)


def _find_start(folder: RunFolder, request: TrainRequest) -> tuple[Checkpoint | None, list[str]]:
    """Return the checkpoint to resume from, if any, and the errors of newer ones."""
    folder.check_start(request.config, resume=request.resume)
    folder.beat()
    checkpoint, warnings = find_newest_intact(folder.checkpoints)
    if checkpoint is not None and request.init is not None:
        message = f"{request.init} is ignored: the run resumes from its checkpoint"
        warnings = [*warnings, message]
    return checkpoint, warnings


def _load_start(
    trainer: Trainer, checkpoint: Checkpoint | None, request: TrainRequest, folder: RunFolder
) -> None:
    """Load the checkpoint or the given weights, or keep the initial weights from the seed."""
    if checkpoint is not None:
        require_same_config(request.config, checkpoint.config, folder.checkpoints)
        trainer.restore(checkpoint)
    elif request.init is not None:
        trainer.load_weights(read_weights(request.init))


def _is_complete(config: TrainConfig, checkpoint: Checkpoint) -> bool:
    return checkpoint.episode >= config.episodes


def _describe_trained(config: TrainConfig, checkpoint: Checkpoint | None) -> TrainConfig:
    """Return the configuration to record for the run from now on."""
    if checkpoint is None or not _is_complete(config, checkpoint):
        return config
    return restore_ineffective(config, checkpoint.config, trained=checkpoint.episode)


def _list_changes(
    folder: RunFolder, checkpoint: Checkpoint, config: TrainConfig, ranks: Ranks
) -> list[ConfigChanged | Noted]:
    """Return the events that report how the resumed run differs from before."""
    before, now = find_changes(config, _find_previous(folder, checkpoint, config))
    episode, batch_size = checkpoint.episode + 1, config.batch_size
    batch_changes = describe_batch_change(checkpoint.processes, ranks.size, batch_size)
    return [
        *([ConfigChanged(episode=episode, before=before, now=now)] if now else []),
        *(Noted(message=message) for message in batch_changes),
    ]


def _find_previous(
    folder: RunFolder, checkpoint: Checkpoint, config: TrainConfig
) -> Mapping[str, Any]:
    """Return the configuration before this session: the one with which `checkpoint` was trained.

    If nothing is left to train, the checkpoint stays as it is, and only the folder has the change.
    """
    if _is_complete(config, checkpoint) and folder.config.exists():
        return asdict(read_config(folder.config))
    return checkpoint.config


@contextmanager
def _connect(folder: RunFolder, listeners: Sequence[Listener], warn: Warn) -> Generator[Listener]:
    """Yield a function that passes an event to the journal, to TensorBoard and to `listeners`."""
    with (
        open_journal(folder.events, warn=warn) as append_to_journal,
        open_tensorboard(folder.tensorboard, warn=warn) as write_scalars,
    ):

        def notify(event: Event) -> None:
            for listener in (append_to_journal, write_scalars, *listeners):
                listener(event)

        yield notify
