"""List the ways to do a training run, each with its needs, and find the fastest that fits."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from qca.core.config import (
    ResolvedDevice,
    ResolvedOptimizerState,
    ResolvedPrecision,
    ResolvedRecompute,
    TrainConfig,
)
from qca.core.frozen import frozen_dataclass
from qca.core.step_timing import StepTiming
from qca.memory.activations import find_tapes
from qca.memory.budget import Estimate, estimate, estimate_host_bytes
from qca.memory.cost import estimate_step_cost, list_segments
from qca.memory.machine import Machine

# The strategies that `auto` tries; with the tapes of all steps, each becomes `none`. `host` gains
# nothing on a CPU, where it would use the same memory.
STRATEGIES: dict[ResolvedDevice, tuple[ResolvedRecompute, ...]] = {
    "cpu": ("step", "two-level"),
    "cuda": ("step", "two-level", "host"),
}


# Tapes that save less of an episode's time than this are not worth their memory.
LEAST_SAVING = 0.02


class Candidate(NamedTuple):
    """A way to do a training run, with its needs."""

    recompute: ResolvedRecompute
    segment: int
    tapes: int
    precision: ResolvedPrecision
    optimizer_state: ResolvedOptimizerState
    estimate: Estimate
    host_bytes: int

    def fits(self, budget: int, room: int) -> bool:
        """Return whether `budget` bytes of the device and `room` bytes of the host are enough."""
        return self.estimate.fits(budget) and self.host_bytes <= room

    def resolve(self, train: TrainConfig) -> TrainConfig:
        """Return `train` with these choices."""
        return train.override(
            recompute=self.recompute,
            segment=self.segment,
            tapes=self.tapes,
            precision=self.precision,
            optimizer_state=self.optimizer_state,
        )


@frozen_dataclass
class Ways:
    """The ways to do a training run on a machine."""

    train: TrainConfig
    machine: Machine

    @cached_property
    def timings(self) -> tuple[StepTiming, ...]:
        """The step times measured on this device with these sizes."""
        return self.machine.select_timings(self.train)

    def list_candidates(self) -> Iterator[Candidate]:
        """Yield every way without optional tapes, in order of preference."""
        train = self.train
        precisions: tuple[ResolvedPrecision, ...] = ("fp32",)
        if self.machine.half:
            precisions = ("fp32", self.machine.half)
        if train.precision != "auto":
            precisions = (train.precision,)
        optimizer_states: tuple[ResolvedOptimizerState, ...] = ("device", "host")
        if train.optimizer_state != "auto":
            optimizer_states = (train.optimizer_state,)
        elif self.machine.device == "cpu":
            optimizer_states = ("device",)
        for precision in precisions:
            for optimizer_state in optimizer_states:
                for recompute, segment in self._list_episodes(precision):
                    resolved = train.override(
                        precision=precision, segment=segment, optimizer_state=optimizer_state
                    )
                    yield self._predict(resolved, recompute)

    def find_fastest(self, fitting: Sequence[Candidate], budget: int, room: int) -> Candidate:
        """Return the fastest candidate with the first one's precision and optimizer.

        Add as many tapes as fit, if they save enough time.
        """
        preferred = fitting[0]
        limit = (1 - LEAST_SAVING) * self._compute_cost(preferred)
        fastest = self._keep_tapes(preferred, budget, room, limit)
        for found in fitting[1:]:
            is_preferred = found.precision == preferred.precision
            is_preferred &= found.optimizer_state == preferred.optimizer_state
            at_best = self._compute_cost(found._replace(tapes=self.train.steps))
            if is_preferred and at_best < min(limit, self._compute_cost(fastest)):
                rival = self._keep_tapes(found, budget, room, limit)
                fastest = min(fastest, rival, key=self._compute_cost)
        return fastest

    def _keep_tapes(self, found: Candidate, budget: int, room: int, limit: float) -> Candidate:
        """Return `found` with all tapes that fit; unchanged if it would cost more than `limit`."""
        if self.train.tapes != "auto" or found.recompute == "none":
            return found

        def add(segments: int) -> Candidate:
            tapes = min(segments * found.segment, self.train.steps)
            is_end = tapes == self.train.steps and self.train.recompute == "auto"
            recompute = "none" if is_end else found.recompute
            return self._predict(found._replace(tapes=tapes).resolve(self.train), recompute)

        counts = range(1, -(-self.train.steps // found.segment) + 1)
        limit_with_tapes = self._limit_tapes(found, budget)
        fitting = bisect_left(counts, True, key=lambda n: not add(n).fits(limit_with_tapes, room))
        taped = add(fitting)
        return taped if self._compute_cost(taped) <= limit else found

    def _limit_tapes(self, found: Candidate, budget: int) -> int:
        """Return the memory that `found` may need with its tapes."""
        least = found.estimate.total_bytes
        return least + int(self.machine.tape_share * (budget - least))

    def _predict(self, resolved: TrainConfig, recompute: ResolvedRecompute) -> Candidate:
        needs = estimate(resolved, recompute=recompute, machine=self.machine)
        on_gpu = self.machine.device == "cuda"
        host = estimate_host_bytes(resolved, recompute) if on_gpu else 0
        assert resolved.segment != "auto"
        assert resolved.precision != "auto"
        assert resolved.optimizer_state != "auto"
        return Candidate(
            recompute,
            resolved.segment,
            find_tapes(resolved, recompute),
            resolved.precision,
            resolved.optimizer_state,
            needs,
            host,
        )

    def _list_episodes(self, precision: ResolvedPrecision) -> list[tuple[ResolvedRecompute, int]]:
        """Return each recompute strategy with each segment length, fastest first."""
        train, device = self.train, self.machine.device
        strategies: tuple[ResolvedRecompute, ...] = STRATEGIES[device]
        if train.recompute != "auto":
            strategies = (train.recompute,)
        elif train.tapes != "auto" and train.tapes >= train.steps:
            strategies = ("none",)
        lengths = [train.segment] if train.segment != "auto" else None
        lengths = lengths or list_segments(precision, train.steps, device=device)
        ways: list[tuple[ResolvedRecompute, int]] = []
        for recompute in strategies:
            ways.extend((recompute, length) for length in lengths)

        def compute_cost(way: tuple[ResolvedRecompute, int]) -> float:
            return estimate_step_cost(
                way[0], precision, way[1], device=device, timings=self.timings
            )

        return sorted(ways, key=compute_cost)

    def _compute_cost(self, found: Candidate) -> float:
        return estimate_step_cost(
            found.recompute,
            found.precision,
            found.segment,
            taped=found.tapes / self.train.steps,
            device=self.machine.device,
            timings=self.timings,
        )
