"""The training loop: run episodes until the last one, a stop, or an error."""

import time
from collections.abc import Sequence

from qca.memory.activations import find_segment
from qca.memory.budget import Estimate
from qca.runs.events import ConfigChanged, Finish, Finished, Noted, PlanChanged
from qca.train.memory_refusal import (
    RefusedMemory,
    out_of_memory_error,
    rebuild_with_cheaper_strategy,
)
from qca.train.recorder import Recorder
from qca.train.request import StopFlag
from qca.train.trainer import Trainer

# If the trainer runs out of memory, it tries cheaper strategies, but at most three times: if that
# is not enough, another program on the card probably keeps taking memory.
STRATEGIES_TRIED_AFTER_A_REFUSAL = 3


class _Stopped(Exception):  # noqa: N818 - control flow, not an error
    """Raised between two steps or two episodes when training should stop."""


class TrainingLoop:
    """Runs the remaining episodes.

    Args:
        trainer: the trainer to run; another one replaces it if it runs out of memory.
        recorder: receives its events and checkpoints.
        stop: checked after every step; once set, the unfinished episode is dropped and a checkpoint
            of the finished ones is written. Several processes check it between two episodes and
            stop together.
        predicted: the prediction to report.
        warnings: warnings to report with the start.
        notes: events to report after the start.

    """

    def __init__(
        self,
        trainer: Trainer,
        recorder: Recorder,
        stop: StopFlag,
        *,
        predicted: Estimate | None = None,
        warnings: Sequence[str] = (),
        notes: Sequence[ConfigChanged | Noted] = (),
    ) -> None:
        self.trainer = trainer
        self._ranks = trainer.ranks
        self._recorder = recorder
        self._stop = stop
        self._predicted = predicted
        self._warnings = warnings
        self._notes = notes
        self._strategies_left = STRATEGIES_TRIED_AFTER_A_REFUSAL

    def run(self) -> Finish:
        """Train to the last episode, and return why training ended.

        Raises:
            PlanError: the device does not have enough memory, even with cheaper strategies.
            CheckpointError: a file cannot be written.
            QcaError: the loss or its gradient was not finite in several consecutive episodes.

        """
        self._copy_first_rank()
        if self._is_complete():
            self._report_changes()
            return self._finish("already-complete")
        self._report_start()
        try:
            while not self._is_complete():
                self._beat_and_check_stop()
                self._stop_together()
                started = time.perf_counter()
                outcome = None
                with RefusedMemory() as refused:
                    outcome = self.trainer.compute_gradients(self._beat_and_check_stop)
                if self._is_any_rank(refused.message is not None) or outcome is None:
                    self._use_cheaper_strategy(refused.message)
                    continue
                result = self.trainer.apply_gradients(outcome)
                self._recorder.report_episode(self.trainer, result, time.perf_counter() - started)
                if self.trainer.episodes % self.trainer.config.checkpoint_every == 0:
                    self._recorder.save(self.trainer)
        except _Stopped:
            self._recorder.save(self.trainer)
            return self._finish("stopped")
        self._recorder.save(self.trainer)
        return self._finish("complete")

    def _copy_first_rank(self) -> None:
        """Copy the first rank's state to every rank."""
        if self._ranks.size == 1:
            return
        checkpoint = self._ranks.broadcast(self.trainer.make_checkpoint())
        if self._ranks.rank > 0:
            self.trainer.restore(checkpoint)

    def _report_start(self) -> None:
        self._recorder.report_start(self.trainer, self._warnings, self._predicted)
        for event in self._notes:
            self._recorder.report(event)

    def _report_changes(self) -> None:
        """Report the changes of the configuration, but nothing about episodes to train."""
        for event in self._notes:
            if isinstance(event, ConfigChanged):
                self._recorder.report(event)

    def _is_complete(self) -> bool:
        return self.trainer.episodes >= self.trainer.config.episodes

    def _is_any_rank(self, value: bool) -> bool:
        return self._ranks.is_any(value, self.trainer.device)

    def _beat_and_check_stop(self) -> None:
        """Touch the heartbeat; raise _Stopped if training should stop.

        Called after every step of an episode, and between two episodes.
        """
        self._recorder.beat()
        # Several processes stop together, between two episodes: if one stopped alone, the others
        # would wait for its gradients.
        if self._ranks.size == 1 and self._stop.is_set():
            raise _Stopped

    def _stop_together(self) -> None:
        if self._ranks.size > 1 and self._is_any_rank(self._stop.is_set()):
            raise _Stopped

    def _use_cheaper_strategy(self, refusal: str | None) -> None:
        """Continue with the next cheaper recompute strategy, or raise PlanError."""
        because = refusal or "another process ran out of memory"
        cheaper = rebuild_with_cheaper_strategy(self.trainer) if self._strategies_left else None
        if cheaper is None:
            raise out_of_memory_error(self.trainer, because, self._predicted)
        self._strategies_left -= 1
        self.trainer, self._predicted = cheaper
        self._recorder.write_config(self.trainer.config)
        self._recorder.report(
            PlanChanged(
                episode=self.trainer.episodes + 1,
                because=because,
                recompute=self.trainer.config.recompute,
                segment=find_segment(self.trainer.config),
                tapes=self.trainer.tapes,
                optimizer_state=self.trainer.config.optimizer_state,
                predicted_peak_bytes=self._predicted.predicted_peak_bytes,
            )
        )

    def _finish(self, reason: Finish) -> Finish:
        self._recorder.report(Finished(reason=reason, episodes=self.trainer.episodes))
        return reason
