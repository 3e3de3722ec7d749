"""Keep the last segments of an episode for captured CUDA graphs.

A graph reads and writes fixed addresses, so a step's record is copied from there to a tape, and
back before the segment is differentiated. Both copies together take a tenth of the time that
recomputing the step would take.
"""

from collections.abc import Sequence
from itertools import cycle

import torch
from torch import Tensor

from qca.model.cuda_graphs import GraphPool
from qca.model.evolution import Step
from qca.train.graph_buffers import GraphBuffers
from qca.train.segment import Cotangent, Record, SegmentAdjoint, StepInput


class SegmentRecorder:
    """The graphs of a step and of a segment's adjoint, with memory for the tapes.

    Args:
        adjoint: the adjoint of the segment.
        buffers: the inputs of the graphs.
        pool: the memory of the graphs.
        tapes: the number of segments that are recorded.

    """

    def __init__(
        self, adjoint: SegmentAdjoint, buffers: GraphBuffers, pool: GraphPool, tapes: int
    ) -> None:
        self._adjoint = adjoint
        self._buffers = buffers
        self._recompute = pool.capture(self._run_recompute)
        self._backward = pool.capture(self._run_backward)
        self._forward = pool.capture(self._run_forward)
        _, record = self._forward.results
        length = len(buffers.psi)
        self._tapes = cycle([record.allocate(length) for _ in range(tapes)])

    def forward(self, start: StepInput) -> Step:
        """Run a step."""
        step, _ = self._replay_forward(start)
        return step

    def make_tape(self) -> "GraphTape":
        """Return a tape that reuses the memory of the one returned `tapes` calls ago."""
        return GraphTape(self, next(self._tapes))

    def record(self, start: StepInput, tape: Record, row: int) -> Step:
        """Run a step and copy its record to a row of a tape."""
        step, record = self._replay_forward(start)
        tape.copy_rows(row, record)
        return step

    def recompute(self) -> None:
        """Recompute the record of the steps from the states in the buffers."""
        self._recompute.replay()

    def restore(self, tape: Record) -> None:
        """Restore the record of the steps from a tape instead of recomputing it."""
        self._recompute.results.copy_rows(0, tape)

    def differentiate(
        self, factors: Sequence[Tensor | None], cotangents: Sequence[Cotangent]
    ) -> Tensor:
        """Add to the parameters' gradients, and return the first psi's gradient."""
        self._buffers.load_cotangents(factors, cotangents)
        return self._backward.replay().clone()

    def _replay_forward(self, start: StepInput) -> tuple[Step, Record]:
        self._buffers.load_state(0, start)
        step, record = self._forward.replay()
        return Step(*(part.clone() for part in step)), record

    @torch.no_grad()
    def _run_forward(self) -> tuple[Step, Record]:
        step = self._adjoint.record(self._buffers.psi[0])
        return step, self._adjoint.pop()

    def _run_recompute(self) -> Record:
        self._adjoint.recompute(self._buffers.psi.flatten(0, 1))
        return self._adjoint.pop()

    def _run_backward(self) -> Tensor:
        self._adjoint.load(self._recompute.results)
        return self._adjoint.differentiate(
            self._buffers.list_factors(), self._buffers.list_cotangents()
        )


class GraphTape:
    """The records of a segment's steps, to be copied back for its graph."""

    def __init__(self, recorder: SegmentRecorder, rows: Record) -> None:
        self._recorder = recorder
        self._rows = rows
        self._factors: list[Tensor | None] = []

    def record(self, start: StepInput) -> Step:
        """Run the next step and copy its record."""
        step = self._recorder.record(start, self._rows, len(self._factors))
        self._factors.append(start.factor)
        return step

    def differentiate(self, cotangents: Sequence[Cotangent]) -> Tensor | None:
        """Differentiate the steps."""
        if all(part is None for cotangent in cotangents for part in cotangent):
            return None
        self._recorder.restore(self._rows)
        return self._recorder.differentiate(self._factors, cotangents)
