"""The sizing decision: facts and configuration in, every number and its reason out.

`plan` is pure and never refuses: where something does not fit it says so in the plan
(`fits`), and the doctor's checks judge it.
"""

from dataclasses import dataclass
from typing import Literal

from infra.host.facts.host import ComposePlugin, Engine, HostFacts, Known, NoEngine
from infra.stack.dragonfly_plan import DragonflyPlan, plan_dragonfly
from infra.stack.reason import Reason
from infra.stack.trainer_plan import TrainerPlan, plan_trainer
from qca.core.config import Config, StackConfig, TrainConfig
from qca.core.errors import PlanError

__all__ = ["DragonflyPlan", "Reason", "StackPlan", "TrainerPlan", "plan"]


@dataclass(frozen=True, kw_only=True)
class StackPlan:
    """Everything that the compose document or a local launch needs to know."""

    schema_version: Literal[1] = 1
    project: str
    runtime: Literal["compose", "local"]
    dragonfly: DragonflyPlan
    """Sized always; used by the runtime `compose`. The local runtime has a small Valkey."""
    store_port: int | None
    trainer: TrainerPlan
    train: TrainConfig
    """The training with profile, device and recompute plan resolved."""
    reasons: tuple[Reason, ...]


def plan(facts: HostFacts, config: Config) -> StackPlan:
    """Decide how the training runs on this host."""
    runtime, why_runtime = _runtime(facts, config.stack)
    dragonfly, dragonfly_reasons = plan_dragonfly(facts, config.stack)
    trainer, train, trainer_reasons = plan_trainer(
        facts,
        config,
        runtime=runtime,
        store_bytes=dragonfly.container_memory_bytes if runtime == "compose" else 0,
    )
    return StackPlan(
        project=config.stack.project,
        runtime=runtime,
        dragonfly=dragonfly,
        store_port=config.stack.store_port,
        trainer=trainer,
        train=train,
        reasons=(Reason("runtime", why_runtime), *dragonfly_reasons, *trainer_reasons),
    )


def refuse_what_does_not_fit(decided: StackPlan) -> None:
    """Raise PlanError for a training that fits the device's memory under no plan.

    Started all the same, it would take a CPU's whole machine down before anything refuses.
    """
    if decided.trainer.fits is False:
        because = next(one.because for one in decided.reasons if one.for_ == "trainer.recompute")
        raise PlanError(
            f"the training does not fit: {because}",
            hint="`qca estimate --solve batch|grid|steps` finds the largest that does.",
        )


def _runtime(facts: HostFacts, stack: StackConfig) -> tuple[Literal["compose", "local"], str]:
    if stack.runtime != "auto":
        return stack.runtime, "given in the configuration"
    if not isinstance(facts.docker, Known):
        return "local", f"the Docker Engine could not be examined: {facts.docker.reason}"
    if isinstance(facts.docker.value, NoEngine):
        return "local", f"no Docker Engine answers ({facts.docker.value.state})"
    if not isinstance(facts.compose, Known):
        return "local", f"Compose could not be examined: {facts.compose.reason}"
    if not isinstance(facts.compose.value, ComposePlugin):
        return "local", "`docker compose` (V2) is not installed"
    engine: Engine = facts.docker.value
    return "compose", f"Engine {engine.version} and Compose {facts.compose.value.version} answer"
