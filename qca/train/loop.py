"""A training from its first episode to its last, through interruptions.

`train` is what `qca train` calls: it owns the run folder while it works, reports each
event, and leaves a folder from which it can go on as if it had never stopped.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import torch

from qca.core.config import TrainConfig
from qca.core.errors import PlanError
from qca.core.units import format_size
from qca.memory.choose import find_next_cheaper
from qca.runs.events import (
    CheckpointWritten,
    EpisodeRecord,
    Event,
    Finish,
    Finished,
    MetricsLog,
    Noted,
    PlanChanged,
    Skipped,
    Started,
)
from qca.runs.journal import read as read_events
from qca.runs.journal import skipped_episodes
from qca.runs.resume_messages import lost_lines, made_again_until, other_batch
from qca.runs.run_folder import RunFolder, check_same
from qca.train.checkpoint import Checkpoint, find_best_episode, find_newest_intact, write_checkpoint
from qca.train.device import prepare_device
from qca.train.distributed.ranks import joined
from qca.train.episode import Outcome
from qca.train.memory import is_refused_memory, memory_holders, peak_memory
from qca.train.step_result import SkippedStep, StepResult
from qca.train.trainer import Trainer
from qca.train.weights import read_weights

# A plan that was refused is followed by cheaper ones, but not for ever: whoever takes the
# card's memory from under a training three times will do so again.
PLANS_TRIED_AFTER_A_REFUSAL = 3


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
    init: Path | None = None,
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
            Several processes look between two episodes.
        on_event: called with each event, in this thread.
        init: weights to begin with, a safetensors file; a run that goes on has its own.
        predicted_peak_bytes: reported; on CUDA the allocator is held to it.

    Raises:
        InputError: the folder is in use for another run or another configuration.
        LaunchError: another trainer holds the folder, or there is no such device.
        PlanError: the device has not enough memory, under cheaper plans neither.
        CheckpointError: something cannot be written or read back.
        QcaError: the loss or its gradient is not finite, several episodes in a row.

    """
    device = prepare_device(config, predicted_peak_bytes)
    with joined(device) as ranks:
        if ranks.rank > 0:
            trainer = Trainer(config, device, ranks)
            return _Loop(trainer, None, stop, predicted_peak_bytes).follow()
        folder = RunFolder(run_dir)
        with folder.hold():
            found, warnings = _begin(folder, config, init, resume=resume)
            trainer = Trainer(config, device, ranks)
            if found is not None:
                check_same(config, found.config, folder.checkpoints)
                trainer.restore(found)
            elif init is not None:
                trainer.load_weights(read_weights(init))
            folder.write_config(config)
            with closing(MetricsLog(folder.metrics, keep=trainer.episodes)) as metrics:
                journal = _Journal(folder, metrics, on_event)
                loop = _Loop(trainer, journal, stop, predicted_peak_bytes)
                if found is None:
                    return loop.lead(warnings, [])
                loop.saved_episode = trainer.episodes
                return loop.lead(
                    warnings, other_batch(found.processes, ranks.size, config.batch_size)
                )


def _begin(
    folder: RunFolder, config: TrainConfig, init: Path | None, *, resume: bool
) -> tuple[Checkpoint | None, list[str]]:
    """Return the checkpoint to go on from, if there is one, and what is wrong with newer ones."""
    folder.check_start(config, resume=resume)
    folder.beat()
    found, warnings = find_newest_intact(folder.checkpoints)
    if found is not None and init is not None:
        warnings = [*warnings, f"{init} is not read again: the run goes on from its checkpoint"]
    return found, warnings


class _GivenUp(Exception):  # noqa: N818 - a way out, no error
    """Raised between two steps of an episode when the training should stop."""


@dataclass(frozen=True)
class _Journal:
    """Where the first rank writes what happens; the others write nothing."""

    folder: RunFolder
    metrics: MetricsLog
    on_event: OnEvent

    def tell(self, event: Event) -> None:
        """Report an event; an episode is safe in the metrics before that."""
        if isinstance(event, EpisodeRecord):
            self.metrics.append(event)
        self.on_event(event)

    def made_again_until(self, episode: int) -> int | None:
        """Return up to which episode had been made what now begins after `episode`."""
        try:
            events = read_events(self.folder.events)
        except OSError:  # it is a history, and never needed to go on
            events = []
        return made_again_until(episode, self.metrics.last_found, skipped_episodes(events))


class _Loop:
    def __init__(
        self,
        trainer: Trainer,
        journal: _Journal | None,
        stop: Stop,
        predicted_peak_bytes: int | None,
    ) -> None:
        self.trainer = trainer
        self.ranks = trainer.ranks
        self.journal = journal
        self.stop = stop
        self.predicted_peak_bytes = predicted_peak_bytes
        self.saved_episode: int | None = None
        self.noted_eager = False
        self.plans_left = PLANS_TRIED_AFTER_A_REFUSAL

    def lead(self, warnings: Sequence[str], notes: Sequence[str]) -> Finish:
        """Train as the first rank, which all others follow."""
        assert self.journal is not None
        if self.ranks.size > 1:
            self.ranks.share(self.trainer.make_checkpoint())
        if self.trainer.episodes >= self.trainer.config.episodes:
            return self._finish("already-complete")
        self.journal.tell(self._started(self.journal, warnings))
        for message in notes:
            self.journal.tell(Noted(message=message))
        return self._train()

    def follow(self) -> Finish:
        """Train as another rank: from what the first one has, and with it."""
        self.trainer.restore(self.ranks.share(self.trainer.make_checkpoint()))
        return self._train()

    def _train(self) -> Finish:
        try:
            while self.trainer.episodes < self.trainer.config.episodes:
                self._between()
                if self.ranks.size > 1 and self._asked_to_stop():
                    raise _GivenUp
                self._episode()
        except _GivenUp:
            self._save()
            return self._finish("stopped")
        self._save()
        return self._finish("complete")

    def _asked_to_stop(self) -> bool:
        return self.ranks.any(self.stop.is_set(), self.trainer.device)

    def _episode(self) -> None:
        begun = time.perf_counter()
        outcome = self._gradients()
        if outcome is None:
            return
        learned = self.trainer.apply_gradients(outcome)
        if self.journal is not None:
            self._note_eager(self.journal)
            self.journal.tell(self._told(learned, time.perf_counter() - begun))
        if self.trainer.episodes % self.trainer.config.checkpoint_every == 0:
            self._save()

    def _gradients(self) -> Outcome | None:
        """Make an episode; None where memory was refused and another plan is ready now."""
        outcome, refused = None, None
        try:
            outcome = self.trainer.compute_gradients(self._between)
        except (MemoryError, RuntimeError) as error:
            if not is_refused_memory(error):
                raise
            refused = str(error)
        # Not in the except block, whose traceback holds the refused episode's tensors.
        if self.ranks.any(refused is not None, self.trainer.device):
            self._need_less(refused or "another process was refused memory")
            return None
        return outcome

    def _note_eager(self, journal: _Journal) -> None:
        """Say once, if it is so, that CUDA graphs cannot be used here."""
        because = self.trainer.eager_because
        if because is not None and not self.noted_eager:
            self.noted_eager = True
            message = f"CUDA graphs cannot be used here ({because}): steps are made one by one"
            journal.tell(Noted(message=message))

    def _need_less(self, refused: str) -> None:
        """Go over to the next cheaper plan, or say that there is none."""
        trainer, config = self.trainer, self.trainer.config
        cheaper = (
            find_next_cheaper(config, device=_kind(trainer.device)) if self.plans_left else None
        )
        if cheaper is None:
            raise PlanError(
                f"out of memory in an episode with recompute={config.recompute}, "
                f"optimizer_state={config.optimizer_state}, batch_size={config.batch_size}, "
                f"grid={config.grid}: {refused}{_predicted(self.predicted_peak_bytes)}"
                f"{memory_holders(trainer.device)}",
                hint="Nothing of earlier episodes is lost. Free memory, or see `qca estimate`: "
                "less is needed with a smaller batch.",
            )
        self.plans_left -= 1
        config, needs = cheaper
        self.predicted_peak_bytes = needs.predicted_peak_bytes
        self.trainer = _laid_out_anew(trainer, config)
        if self.journal is not None:
            self.journal.folder.write_config(config)
            changed = PlanChanged(
                episode=trainer.episodes + 1,
                because=refused,
                recompute=config.recompute,
                optimizer_state=config.optimizer_state,
                predicted_peak_bytes=needs.predicted_peak_bytes,
            )
            self.journal.tell(changed)

    def _between(self) -> None:
        if self.journal is not None:
            self.journal.folder.beat()
        # Several processes stop together, between two episodes: one that stopped alone would
        # leave the others waiting for its gradients.
        if self.ranks.size == 1 and self.stop.is_set():
            raise _GivenUp

    def _save(self) -> None:
        """Write a checkpoint, unless there is one of this very episode."""
        episode = self.trainer.episodes
        if self.journal is None or self.saved_episode == episode:
            return
        metrics, folder = self.journal.metrics, self.journal.folder.checkpoints
        metrics.sync()  # the lines of a checkpoint's episodes are safe before it is
        saved = replace(self.trainer.make_checkpoint(), loss=metrics.recent_loss())
        path = write_checkpoint(folder, saved, keep=self.trainer.config.keep_checkpoints)
        self.saved_episode = episode
        best = find_best_episode(folder)
        self.journal.tell(
            CheckpointWritten(episode=episode, path=str(path), loss=saved.loss, best_episode=best)
        )

    def _finish(self, reason: Finish) -> Finish:
        if self.journal is not None:
            self.journal.tell(Finished(reason=reason, episodes=self.trainer.episodes))
        return reason

    def _started(self, journal: _Journal, warnings: Sequence[str]) -> Started:
        config, trainer = self.trainer.config, self.trainer
        lost = lost_lines(journal.metrics.count, trainer.episodes - trainer.skipped)
        return Started(
            run=config.run,
            device=str(trainer.device),
            parameters=sum(p.numel() for p in trainer.model.parameters()),
            first_episode=trainer.episodes + 1,
            made_again_until=journal.made_again_until(trainer.episodes),
            episodes=config.episodes,
            steps=config.steps,
            grid=config.grid,
            batch_size=config.batch_size,
            recompute=config.recompute,
            precision=config.precision,
            optimizer_state=config.optimizer_state,
            processes=self.ranks.size,
            predicted_peak_bytes=self.predicted_peak_bytes,
            warnings=(*warnings, *lost, *_immovable(trainer)),
        )

    def _told(self, learned: StepResult | SkippedStep, seconds: float) -> EpisodeRecord | Skipped:
        trainer = self.trainer
        if isinstance(learned, SkippedStep):
            return Skipped(
                episode=trainer.episodes,
                because=learned.because,
                loss_scale=trainer.loss_scale.factor,
            )
        memory = peak_memory(trainer.device)
        return EpisodeRecord(
            episode=trainer.episodes,
            loss=learned.loss,
            components=learned.components,
            energy=learned.energy,
            noise_rate=learned.noise_rate,
            learning_rate=learned.learning_rate,
            gradient_norm=learned.gradient_norm,
            seconds=seconds,
            steps_per_second=trainer.config.steps / seconds,
            memory_bytes=memory.used,
            reserved_bytes=memory.reserved,
            skipped=trainer.skipped,
        )


def _laid_out_anew(trainer: Trainer, config: TrainConfig) -> Trainer:
    """Return the same training under another plan; the old one's memory is free again."""
    saved, device, ranks = trainer.make_checkpoint(), trainer.device, trainer.ranks
    trainer.release()
    again = Trainer(config, device, ranks)
    again.restore(saved)
    return again


def _immovable(trainer: Trainer) -> Iterator[str]:
    config = trainer.config
    for term in trainer.loss.find_constant_terms(config.update, config.gamma, config.d_state):
        yield (
            f"the loss's term {term} cannot move with update={config.update}, "
            f"gamma={config.gamma:g} and d_state={config.d_state}: it teaches nothing"
        )


def _kind(device: torch.device) -> Literal["cpu", "cuda"]:
    return "cuda" if device.type == "cuda" else "cpu"


def _predicted(peak: int | None) -> str:
    return "" if peak is None else f"; predicted was a peak of {format_size(peak)}"
