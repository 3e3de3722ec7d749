"""A training from its first episode to its last, through interruptions.

`train` is what `qca train` calls: it owns the run folder while it works, reports each
event, and leaves a folder from which it can go on as if it had never stopped.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import torch

from qca.config import TrainConfig
from qca.errors import InputError, PlanError
from qca.train import checkpoint as checkpoints
from qca.train.device import prepare_device
from qca.train.folder import RunFolder, check_same
from qca.train.memory import peak_memory
from qca.train.metrics import (
    CheckpointWritten,
    EpisodeRecord,
    Event,
    Finish,
    Finished,
    MetricsLog,
    Started,
)
from qca.train.trainer import Learned, Trainer


class Stop(Protocol):
    """A request to end early; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Say whether the training should write a checkpoint and end."""
        ...


OnEvent = Callable[[Event], None]


def train(
    config: TrainConfig,
    run_dir: Path,
    *,
    resume: bool,
    stop: Stop,
    on_event: OnEvent,
    predicted_peak_bytes: int | None = None,
) -> Finish:
    """Train in `run_dir`, report each event, and return why it ended.

    Args:
        config: with `recompute` resolved to a plan; a device of "auto" means CUDA where
            torch sees one.
        run_dir: the run folder, `runs/RUN`; made if it is not there.
        resume: continue from the newest intact checkpoint, or start where there is none.
            Without it, a folder that already holds a training is refused.
        stop: looked at between any two steps. Once set, the episode in progress is given
            up, a checkpoint of the whole ones is written, and "stopped" is returned.
        on_event: called with each event, in this thread.
        predicted_peak_bytes: reported; on CUDA the allocator is held to it.

    Raises:
        InputError: the folder is in use for another run or another configuration.
        LaunchError: another trainer holds the folder, or there is no such device.
        PlanError: the device has not enough memory.
        CheckpointError: something cannot be written or read back.
        QcaError: the loss or its gradient is not finite.

    """
    device = prepare_device(config, predicted_peak_bytes)
    folder = RunFolder(run_dir)
    with folder.hold(), _memory_errors(config):
        if folder.is_used():
            if not resume:
                raise InputError(
                    f"{run_dir}: this run has been started already",
                    hint="Continue it with --resume, or start another with --run NAME.",
                )
            folder.check_config(config)
        folder.beat()
        found, warnings = checkpoints.newest_intact(folder.checkpoints)
        trainer = Trainer(config, device)
        if found is not None:
            check_same(config, found.config, folder.checkpoints)
            trainer.restore(found)
        folder.write_config(config)
        with closing(MetricsLog(folder.metrics, keep=trainer.episodes)) as metrics:
            loop = _Loop(trainer, folder, metrics, stop, on_event, saved=found is not None)
            return loop.run(warnings, predicted_peak_bytes)


class _GivenUp(Exception):  # noqa: N818 - a way out, no error
    """Raised between two steps of an episode when the training should stop."""


class _Loop:
    def __init__(
        self,
        trainer: Trainer,
        folder: RunFolder,
        metrics: MetricsLog,
        stop: Stop,
        on_event: OnEvent,
        *,
        saved: bool,
    ) -> None:
        self.trainer = trainer
        self.folder = folder
        self.metrics = metrics
        self.stop = stop
        self.on_event = on_event
        self.saved_episode = trainer.episodes if saved else None

    def run(self, warnings: list[str], predicted_peak_bytes: int | None) -> Finish:
        if self.trainer.episodes >= self.trainer.config.episodes:
            return self._finish("already-complete")
        self.on_event(self._started(warnings, predicted_peak_bytes))
        try:
            while self.trainer.episodes < self.trainer.config.episodes:
                self._between()
                self._episode()
        except _GivenUp:
            self._save()
            return self._finish("stopped")
        self._save()
        return self._finish("complete")

    def _episode(self) -> None:
        begun = time.perf_counter()
        learned = self.trainer.episode(self._between)
        record = self._record(learned, time.perf_counter() - begun)
        self.metrics.append(record)
        self.on_event(record)
        if self.trainer.episodes % self.trainer.config.checkpoint_every == 0:
            self._save()

    def _between(self) -> None:
        self.folder.beat()
        if self.stop.is_set():
            raise _GivenUp

    def _save(self) -> None:
        """Write a checkpoint, unless there is one of this very episode."""
        episode = self.trainer.episodes
        if self.saved_episode == episode:
            return
        self.metrics.sync()  # the lines of a checkpoint's episodes are safe before it is
        path = checkpoints.write(
            self.folder.checkpoints,
            self.trainer.checkpoint(),
            keep=self.trainer.config.keep_checkpoints,
        )
        self.saved_episode = episode
        self.on_event(CheckpointWritten(episode=episode, path=str(path)))

    def _finish(self, reason: Finish) -> Finish:
        self.on_event(Finished(reason=reason, episodes=self.trainer.episodes))
        return reason

    def _started(self, warnings: list[str], predicted_peak_bytes: int | None) -> Started:
        config, trainer = self.trainer.config, self.trainer
        if self.metrics.last_episode < trainer.episodes:
            warnings = [
                *warnings,
                f"metrics.jsonl ends at episode {self.metrics.last_episode}, "
                f"the checkpoint at {trainer.episodes}: the lines between are lost",
            ]
        return Started(
            run=config.run,
            device=str(trainer.device),
            parameters=sum(p.numel() for p in trainer.model.parameters()),
            first_episode=trainer.episodes + 1,
            episodes=config.episodes,
            steps=config.steps,
            grid=config.grid,
            batch_size=config.batch_size,
            recompute=config.recompute,
            predicted_peak_bytes=predicted_peak_bytes,
            warnings=(*warnings, *_immovable(trainer)),
        )

    def _record(self, learned: Learned, seconds: float) -> EpisodeRecord:
        memory = peak_memory(self.trainer.device)
        return EpisodeRecord(
            episode=self.trainer.episodes,
            loss=learned.loss,
            components=learned.components,
            energy=learned.energy,
            noise_rate=learned.noise_rate,
            learning_rate=learned.learning_rate,
            gradient_norm=learned.gradient_norm,
            seconds=seconds,
            steps_per_second=self.trainer.config.steps / seconds,
            memory_bytes=memory.used,
            reserved_bytes=memory.reserved,
        )


def _immovable(trainer: Trainer) -> Iterator[str]:
    config = trainer.config
    for term in trainer.loss.immovable(config.update, config.gamma, config.d_state):
        yield (
            f"the loss's term {term} cannot move with update={config.update}, "
            f"gamma={config.gamma:g} and d_state={config.d_state}: it teaches nothing"
        )


@contextmanager
def _memory_errors(config: TrainConfig) -> Iterator[None]:
    """Say what a refused allocation means."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_refused_memory(error):
            raise
        raise PlanError(
            f"out of memory in an episode with recompute={config.recompute}, "
            f"batch_size={config.batch_size}, grid={config.grid}: {error}",
            hint="See `qca estimate`; less is needed with --recompute step or a smaller batch.",
        ) from None


def _is_refused_memory(error: Exception) -> bool:
    """Say whether an allocator refused; on a CPU torch raises a plain RuntimeError for it."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or "DefaultCPUAllocator" in str(error)
