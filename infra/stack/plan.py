"""The sizing decision: facts and configuration in, every number and its reason out."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DragonflyPlan(_Model):
    """How the store is started."""

    image: str
    proactor_threads: int
    maxmemory_bytes: int
    container_memory_bytes: int


class TrainerPlan(_Model):
    """How the training is run, and the memory that it is predicted to take."""

    profile: Literal["cpu", "default", "low-memory"]
    device: Literal["cpu", "cuda"]
    gpus: int
    precision: Literal["fp32"]
    recompute: Literal["none", "step"]
    batch_size: int
    predicted_peak_bytes: int
    context_bytes: int
    """Memory outside the allocator: the CUDA context, or the interpreter with torch."""
    budget_bytes: int
    fits: bool
    base_image: str
    container_memory_bytes: int


class Reason(_Model):
    """Why a number is what it is."""

    for_: str
    because: str


class StackPlan(_Model):
    """Everything that the compose document or a local launch needs to know."""

    runtime: Literal["compose", "local"]
    dragonfly: DragonflyPlan
    trainer: TrainerPlan
    reasons: tuple[Reason, ...]
