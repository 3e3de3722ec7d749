"""The events that a training reports, and their JSON. Needs no torch.

`qca.runs.metrics_log` keeps the episodes among them, `qca.runs.journal` all others.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter

Finish = Literal["complete", "stopped", "already-complete"]


# Anything larger was not written by a training, and what shows it would fail over it.
Count = Annotated[int, Field(ge=0, lt=2**63)]
Measurement = Annotated[FiniteFloat, Field(ge=-1e300, le=1e300)]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Started(_Event):
    """The training is about to run its first episode."""

    event: Literal["started"] = "started"
    run: str
    device: str
    parameters: Count
    first_episode: Count
    """1, or the one after the checkpoint that is continued."""
    made_again_until: Count | None = None
    """The last episode that an earlier session had run after that checkpoint. From `first_episode`
    to here they are repeated, and earlier events about them are void. None if none is repeated."""
    episodes: Count
    steps: Count
    grid: Count
    batch_size: Count
    recompute: str
    segment: int = 1
    """How many steps are differentiated as one batch."""
    precision: str = "fp32"
    optimizer_state: str = "device"
    processes: Count = 1
    """How many train together; each has a batch of its own."""
    predicted_peak_bytes: Count | None = None
    """Of the tensors."""
    predicted_context_bytes: Count | None = None
    """Of what the process takes beside them."""
    warnings: tuple[str, ...] = ()

    @property
    def predicted_memory_bytes(self) -> int | None:
        """The prediction of the episodes' `memory_bytes`: a resident set includes the context."""
        if self.predicted_peak_bytes is None or self.device != "cpu":
            return self.predicted_peak_bytes
        if self.predicted_context_bytes is None:
            return None
        return self.predicted_peak_bytes + self.predicted_context_bytes


class EpisodeRecord(_Event):
    """An episode was run and learned from; this is also a line of `metrics.jsonl`."""

    event: Literal["episode"] = "episode"
    episode: Annotated[Count, Field(ge=1)]
    loss: Measurement
    components: dict[str, Measurement]
    """The loss's terms, each before its factor."""
    energy: Measurement
    """E_T / E_0: what the last Euler step, or the damping of the whole episode, has left."""
    noise_rate: Measurement
    learning_rate: Measurement
    gradient_norm: Measurement
    """Before clipping."""
    seconds: Measurement
    steps_per_second: Measurement
    """Steps of the automaton, forward and backward; a batch counts once."""
    memory_bytes: Count
    """Peak so far: on CUDA the allocator's allocated bytes, on a CPU the process's resident set."""
    reserved_bytes: Count | None = None
    """Peak so far of the bytes that CUDA's allocator has reserved; None on a CPU."""
    skipped: Count = 0
    """Episodes of the run so far from which nothing was learned."""


class Skipped(_Event):
    """An episode gave a number that is not finite: nothing was learned from it."""

    event: Literal["skipped"] = "skipped"
    episode: Count
    because: str
    loss_scale: Measurement
    """The factor of the loss from now on; it moves under float16 alone."""


class PlanChanged(_Event):
    """The device refused memory: the episode is repeated with a cheaper recompute strategy."""

    event: Literal["plan-changed"] = "plan-changed"
    episode: Count
    because: str
    """What the allocator said, with its numbers."""
    recompute: str
    segment: int = 1
    """The strategy from now on."""
    optimizer_state: str
    predicted_peak_bytes: Count


class ConfigChanged(_Event):
    """A continued training goes on with other values than those of its checkpoint."""

    event: Literal["config-changed"] = "config-changed"
    episode: Count
    """The first one with the new values."""
    before: dict[str, float | int | str]
    now: dict[str, float | int | str]
    """Both have the same keys, those of the configuration that changed."""


class Noted(_Event):
    """Something that the user should know; the training goes on."""

    event: Literal["noted"] = "noted"
    message: str


class CheckpointWritten(_Event):
    """A checkpoint is safe on the disk."""

    event: Literal["checkpoint"] = "checkpoint"
    episode: Count
    """Whole episodes that it contains."""
    path: str
    loss: Measurement | None = None
    """Mean of the newest ten episodes' losses; None where nothing was learned yet."""
    best_episode: Count | None = None
    """The episode of the checkpoint with the lowest such loss, which is kept."""


class Finished(_Event):
    """The training has ended in order."""

    event: Literal["finished"] = "finished"
    reason: Finish
    episodes: Count
    """Whole episodes of the run, earlier sessions included."""


Event = (
    Started
    | EpisodeRecord
    | Skipped
    | PlanChanged
    | ConfigChanged
    | Noted
    | CheckpointWritten
    | Finished
)

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def parse_event(line: str | bytes) -> Event:
    """Read an event from its JSON, as `event.model_dump_json()` writes it.

    Raises:
        ValueError: if it is not an event.

    """
    return _EVENT.validate_json(line)
