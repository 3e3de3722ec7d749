"""Record a run in its folder, and report its events.

The first rank has a `RunRecorder`; every other rank has a `Recorder`, which records nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from qca.core.config import TrainConfig
from qca.memory.activations import find_segment
from qca.memory.budget import Estimate
from qca.runs.events import (
    CheckpointWritten,
    EpisodeRecord,
    Event,
    Listener,
    Noted,
    PlanChanged,
    Skipped,
    Started,
)
from qca.runs.journal import list_skipped_episodes, read_journal
from qca.runs.metrics_log import MetricsLog
from qca.runs.resume_messages import describe_lost_lines, find_last_repeated
from qca.runs.run_folder import RunFolder
from qca.train.checkpoint import find_best_episode, write_checkpoint
from qca.train.memory import describe_excess, read_peak_memory
from qca.train.step_result import SkippedStep, StepResult
from qca.train.trainer import RunnerNotes, Trainer


class Recorder:
    """The interface of a recorder; this one records nothing."""

    def beat(self) -> None:
        """Touch the heartbeat; called after every step."""

    def write_config(self, config: TrainConfig) -> None:
        """Write the configuration that training continues with."""

    def report(self, event: Event) -> None:
        """Report an event."""

    def report_start(
        self, trainer: Trainer, warnings: Sequence[str], predicted: Estimate | None
    ) -> None:
        """Report the start of training from the state of `trainer`."""

    def report_episode(
        self, trainer: Trainer, result: StepResult | SkippedStep, seconds: float
    ) -> None:
        """Report the episode that `trainer` has just run."""

    def save(self, trainer: Trainer) -> None:
        """Write a checkpoint, unless this episode already has one."""


class RunRecorder(Recorder):
    """Records a run in its folder, and reports its events to `listener`.

    Args:
        folder: the run folder, already locked.
        metrics: its metrics file, already open.
        listener: called with each event, in the training thread.
        saved_episode: the episode of the checkpoint to resume from, if any.

    """

    def __init__(
        self,
        folder: RunFolder,
        metrics: MetricsLog,
        listener: Listener,
        saved_episode: int | None = None,
    ) -> None:
        self._folder = folder
        self._metrics = metrics
        self._listener = listener
        self._saved_episode = saved_episode
        self._predicted_peak_bytes: int | None = None
        self._predicted_context_bytes: int | None = None
        self._has_noted_runner = self._has_noted_excess = False

    def beat(self) -> None:
        """Touch the heartbeat."""
        self._folder.beat()

    def write_config(self, config: TrainConfig) -> None:
        """Write `config.json`."""
        self._folder.write_config(config)

    def report(self, event: Event) -> None:
        """Report an event; write an episode to the metrics first."""
        if isinstance(event, EpisodeRecord):
            self._metrics.append(event)
        if isinstance(event, Started | PlanChanged):
            self._predicted_peak_bytes = event.predicted_peak_bytes
        if isinstance(event, Started):
            self._predicted_context_bytes = event.predicted_context_bytes
        self._listener(event)

    def report_start(
        self, trainer: Trainer, warnings: Sequence[str], predicted: Estimate | None
    ) -> None:
        """Report the configuration, and episodes that are missing or repeated after a restart."""
        config = trainer.config
        lost = describe_lost_lines(self._metrics.count, trainer.episodes - trainer.skipped)
        self.report(
            Started(
                run=config.run,
                device=str(trainer.device),
                parameters=sum(p.numel() for p in trainer.model.parameters()),
                first_episode=trainer.episodes + 1,
                made_again_until=self._find_last_repeated(trainer.episodes),
                episodes=config.episodes,
                steps=config.steps,
                grid=config.grid,
                batch_size=config.batch_size,
                recompute=config.recompute,
                segment=find_segment(config),
                tapes=trainer.tapes,
                precision=config.precision,
                optimizer_state=config.optimizer_state,
                processes=trainer.ranks.size,
                predicted_peak_bytes=predicted and predicted.predicted_peak_bytes,
                predicted_context_bytes=predicted and predicted.context_bytes,
                warnings=(*warnings, *lost, *_describe_immovable_terms(trainer)),
            )
        )

    def report_episode(
        self, trainer: Trainer, result: StepResult | SkippedStep, seconds: float
    ) -> None:
        """Report the episode.

        The first call also reports how the steps are run. A peak above its prediction is reported
        once.
        """
        if trainer.runner_notes is not None and not self._has_noted_runner:
            self._has_noted_runner = True
            for message in describe_runner(trainer.runner_notes, trainer.unfused_because):
                self.report(Noted(message=message))
        self.report(describe_episode(trainer, result, seconds))
        excess = describe_excess(
            read_peak_memory(trainer.device),
            self._predicted_peak_bytes,
            self._predicted_context_bytes,
        )
        if excess is not None and not self._has_noted_excess:
            self._has_noted_excess = True
            self.report(Noted(message=excess))

    def save(self, trainer: Trainer) -> None:
        """Write a checkpoint, unless this episode already has one."""
        episode = trainer.episodes
        if self._saved_episode == episode:
            return
        folder = self._folder.checkpoints
        self._metrics.sync()  # the metrics must reach the disk before the checkpoint
        checkpoint = replace(trainer.make_checkpoint(), loss=self._metrics.compute_recent_loss())
        path = write_checkpoint(folder, checkpoint, keep=trainer.config.keep_checkpoints)
        self._saved_episode = episode
        self.report(
            CheckpointWritten(
                episode=episode,
                path=str(path),
                loss=checkpoint.loss,
                best_episode=find_best_episode(folder),
            )
        )

    def _find_last_repeated(self, episode: int) -> int | None:
        """Return the last episode after `episode` that was trained before the restart, or None."""
        try:
            events = read_journal(self._folder.events)
        except OSError:  # the journal is only a history, not needed to continue
            events = []
        skipped = list_skipped_episodes(events)
        return find_last_repeated(episode, self._metrics.last_episode_found, skipped)


def describe_runner(notes: RunnerNotes, unfused_because: str | None) -> Iterator[str]:
    """Yield sentences about how a GPU runs the steps."""
    if notes.eager_because is not None:
        yield f"CUDA graphs cannot be used ({notes.eager_because}): steps are run one by one"
    if unfused_because is not None:
        yield (
            f"fused kernels cannot be used ({unfused_because}): "
            "PyTorch's operators are used instead"
        )
    if notes.trial_seconds is not None:
        yield f"cuDNN's algorithms were chosen by trial in {notes.trial_seconds:.1f} s"


def describe_episode(
    trainer: Trainer, result: StepResult | SkippedStep, seconds: float
) -> EpisodeRecord | Skipped:
    """Return the event for the episode that `trainer` has just run."""
    if isinstance(result, SkippedStep):
        return Skipped(
            episode=trainer.episodes,
            because=result.because,
            loss_scale=trainer.loss_scale.factor,
        )
    memory = read_peak_memory(trainer.device)
    return EpisodeRecord(
        episode=trainer.episodes,
        loss=result.loss,
        components=result.components,
        energy=result.energy,
        noise_rate=result.noise_rate,
        learning_rate=result.learning_rate,
        gradient_norm=result.gradient_norm,
        seconds=seconds,
        steps_per_second=trainer.config.steps / seconds,
        memory_bytes=memory.used,
        reserved_bytes=memory.reserved,
        skipped=trainer.skipped,
    )


def _describe_immovable_terms(trainer: Trainer) -> Iterator[str]:
    config = trainer.config
    for term in trainer.loss.find_constant_terms(config.update, config.gamma, config.d_state):
        yield (
            f"the loss term {term} cannot change with update={config.update}, "
            f"gamma={config.gamma:g} and d_state={config.d_state}: it does not affect training"
        )
