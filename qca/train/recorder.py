"""What a training leaves in its run folder, and the events that it reports.

The first rank has a `RunRecorder`; every other rank has a `Recorder`, which records nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from qca.core.config import TrainConfig
from qca.memory.activations import find_segment
from qca.runs.events import (
    CheckpointWritten,
    EpisodeRecord,
    Event,
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
from qca.train.trainer import Trainer

Listener = Callable[[Event], None]


class Recorder:
    """Records nothing."""

    def beat(self) -> None:
        """Show that the training is alive; called between any two steps."""

    def write_config(self, config: TrainConfig) -> None:
        """Write the configuration that the training continues with."""

    def report(self, event: Event) -> None:
        """Report an event."""

    def report_start(
        self, trainer: Trainer, warnings: Sequence[str], predicted_peak_bytes: int | None
    ) -> None:
        """Report that the training starts from where `trainer` is."""

    def report_episode(
        self, trainer: Trainer, result: StepResult | SkippedStep, seconds: float
    ) -> None:
        """Report the episode that `trainer` has just run."""

    def save(self, trainer: Trainer) -> None:
        """Write a checkpoint, unless there is one of this very episode."""


class RunRecorder(Recorder):
    """Records a training in its run folder, and reports its events to `listener`.

    Args:
        folder: the run folder, held.
        metrics: its metrics, opened.
        listener: called with each event, in the training's thread.
        saved_episode: the episode of the checkpoint that is continued, if any.
        predicted_context_bytes: see `TrainRequest`.

    """

    def __init__(
        self,
        folder: RunFolder,
        metrics: MetricsLog,
        listener: Listener,
        saved_episode: int | None = None,
        *,
        predicted_context_bytes: int | None = None,
    ) -> None:
        self._folder = folder
        self._metrics = metrics
        self._listener = listener
        self._saved_episode = saved_episode
        self._predicted_peak_bytes: int | None = None
        self._predicted_context_bytes = predicted_context_bytes
        self._has_noted_runner = self._has_noted_excess = False

    def beat(self) -> None:
        """Touch the heartbeat."""
        self._folder.beat()

    def write_config(self, config: TrainConfig) -> None:
        """Write `config.json`."""
        self._folder.write_config(config)

    def report(self, event: Event) -> None:
        """Report an event; an episode is safe in the metrics before that."""
        if isinstance(event, EpisodeRecord):
            self._metrics.append(event)
        if isinstance(event, Started | PlanChanged):
            self._predicted_peak_bytes = event.predicted_peak_bytes
        self._listener(event)

    def report_start(
        self, trainer: Trainer, warnings: Sequence[str], predicted_peak_bytes: int | None
    ) -> None:
        """Report the configuration, and what is missing or repeated after a restart."""
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
                precision=config.precision,
                optimizer_state=config.optimizer_state,
                processes=trainer.ranks.size,
                predicted_peak_bytes=predicted_peak_bytes,
                predicted_context_bytes=self._predicted_context_bytes,
                warnings=(*warnings, *lost, *_describe_immovable_terms(trainer)),
            )
        )

    def report_episode(
        self, trainer: Trainer, result: StepResult | SkippedStep, seconds: float
    ) -> None:
        """Report the episode; once each how its steps are run, and too low a prediction."""
        if not self._has_noted_runner:
            self._has_noted_runner = True
            for message in describe_runner(trainer):
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
        """Write a checkpoint, unless there is one of this very episode."""
        episode = trainer.episodes
        if self._saved_episode == episode:
            return
        folder = self._folder.checkpoints
        self._metrics.sync()  # the lines of a checkpoint's episodes are safe before it is
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
        """Return the last episode trained before the restart after `episode`; None if none is."""
        try:
            events = read_journal(self._folder.events)
        except OSError:  # it is a history, and never needed to continue
            events = []
        skipped = list_skipped_episodes(events)
        return find_last_repeated(episode, self._metrics.last_episode_found, skipped)


def describe_runner(trainer: Trainer) -> Iterator[str]:
    """Yield what is worth knowing of how a GPU runs the steps."""
    if trainer.eager_because is not None:
        yield (
            f"CUDA graphs cannot be used here ({trainer.eager_because}): steps are made one by one"
        )
    if trainer.unfused_because is not None:
        yield (
            f"fused kernels cannot be used here ({trainer.unfused_because}): "
            "PyTorch's operators take their place"
        )
    if trainer.trial_seconds is not None:
        yield f"cuDNN's algorithms were chosen by trial in {trainer.trial_seconds:.1f} s"


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
            f"the loss's term {term} cannot move with update={config.update}, "
            f"gamma={config.gamma:g} and d_state={config.d_state}: it teaches nothing"
        )
