"""The events that a training run reports, and their JSON. Works without torch.

`qca.runs.metrics_log` stores the episodes, `qca.runs.journal` all other events.
"""

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, model_validator

Finish = Literal["complete", "stopped", "already-complete"]


# A training run writes nothing larger, and the code that displays it could not handle more.
Count = Annotated[int, Field(ge=0, lt=2**63)]
Measurement = Annotated[FiniteFloat, Field(ge=-1e300, le=1e300)]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Started(_Event):
    """Training is about to start its first episode."""

    event: Literal["started"] = "started"
    run: str
    device: str
    parameters: Count
    first_episode: Count
    """1, or the episode after the checkpoint from which the run resumes."""
    made_again_until: Count | None = None
    """The last episode that an earlier session ran after that checkpoint. The episodes from
    `first_episode` to this one are repeated, and earlier events about them are void. None if no
    episode is repeated."""
    episodes: Count
    steps: Count
    grid: Count
    batch_size: Count
    recompute: str
    segment: int = 1
    """Number of steps that are differentiated as one batch."""
    tapes: int = 0
    """Number of final steps that are not recomputed."""
    precision: str = "fp32"
    optimizer_state: str = "device"
    processes: Count = 1
    """Number of processes that train together, each with its own batch."""
    predicted_peak_bytes: Count | None = None
    """Predicted peak memory of the tensors."""
    predicted_context_bytes: Count | None = None
    """Predicted memory of the process outside the tensors."""
    warnings: tuple[str, ...] = ()

    @property
    def predicted_memory_bytes(self) -> int | None:
        """The prediction for `memory_bytes` of the episodes; on a CPU it includes the context."""
        if self.predicted_peak_bytes is None or self.device != "cpu":
            return self.predicted_peak_bytes
        if self.predicted_context_bytes is None:
            return None
        return self.predicted_peak_bytes + self.predicted_context_bytes


class EpisodeRecord(_Event):
    """An episode has run and updated the weights; this is also a line of `metrics.jsonl`."""

    event: Literal["episode"] = "episode"
    episode: Annotated[Count, Field(ge=1)]
    loss: Measurement
    components: dict[str, Measurement]
    """The terms of the loss, before weighting."""
    energy: Measurement
    """E_T / E_0: the share of energy left by the last Euler step (cartesian) or by the damping over
    the whole episode (unitary)."""
    noise_rate: Measurement
    learning_rate: Measurement
    gradient_norm: Measurement
    """The norm before clipping."""
    seconds: Measurement
    steps_per_second: Measurement
    """Steps of the automaton, each forward and backward; a batch counts once."""
    memory_bytes: Count
    """Peak so far: on CUDA the allocator's allocated bytes, on a CPU the process's resident set."""
    reserved_bytes: Count | None = None
    """Peak so far of the bytes reserved by CUDA's allocator; None on a CPU."""
    skipped: Count = 0
    """Number of skipped episodes of the run so far."""


class Skipped(_Event):
    """An episode produced a number that is not finite, so the weights were not updated."""

    event: Literal["skipped"] = "skipped"
    episode: Count
    because: str
    loss_scale: Measurement
    """The factor that multiplies the loss from now on; only float16 changes it."""


class PlanChanged(_Event):
    """The device ran out of memory: the episode is repeated with a cheaper recompute strategy."""

    event: Literal["plan-changed"] = "plan-changed"
    episode: Count
    because: str
    """The allocator's message, with its numbers."""
    recompute: str
    segment: int = 1
    """The segment of the new strategy."""
    tapes: int = 0
    """The tapes of the new strategy."""
    optimizer_state: str
    predicted_peak_bytes: Count


class ConfigChanged(_Event):
    """A resumed run uses values that differ from those of its checkpoint."""

    event: Literal["config-changed"] = "config-changed"
    episode: Count
    """The first episode with the new values."""
    before: dict[str, float | int | str]
    now: dict[str, float | int | str]
    """`before` and `now` have the same keys: those that changed."""

    @model_validator(mode="after")
    def _require_same_keys(self) -> Self:
        if self.before.keys() != self.now.keys():
            raise ValueError("`before` and `now` have different keys")
        return self


class Noted(_Event):
    """A notice for the user; training continues."""

    event: Literal["noted"] = "noted"
    message: str


class CheckpointWritten(_Event):
    """A checkpoint has been written to the disk."""

    event: Literal["checkpoint"] = "checkpoint"
    episode: Count
    """Number of complete episodes in the checkpoint."""
    path: str
    loss: Measurement | None = None
    """Mean loss of the newest ten episodes; None if every episode so far was skipped."""
    best_episode: Count | None = None
    """The episode of the checkpoint with the lowest mean loss, which is kept."""


class Finished(_Event):
    """Training has ended normally."""

    event: Literal["finished"] = "finished"
    reason: Finish
    episodes: Count
    """Number of complete episodes of the run, including earlier sessions."""


JournalEvent = (
    Started | Skipped | PlanChanged | ConfigChanged | Noted | CheckpointWritten | Finished
)
"""An event that the journal keeps."""

Event = EpisodeRecord | JournalEvent

Listener = Callable[[Event], None]
"""A function that receives the events of a run in the training thread."""

Warn = Callable[[str], None]
"""A function that receives a listener's warnings, such as one about a file it cannot write."""

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def parse_event(line: str | bytes) -> Event:
    """Parse an event from the JSON that `event.model_dump_json()` writes.

    Raises:
        ValueError: it is not an event.

    """
    return _EVENT.validate_json(line)
