"""Plan the stack from the facts and the configuration, with a reason for every value.

`plan_stack` is pure and never fails: the plan states whether training fits (`fits`), and the
doctor's checks report it.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Literal

from infra.host.facts import ComposePlugin, HostFacts, Known, NoEngine
from infra.stack.decision import GIVEN, Decision
from infra.stack.dragonfly_plan import DragonflyPlan, plan_dragonfly
from infra.stack.trainer_memory import RunningRun
from infra.stack.trainer_plan import TrainerPlan, plan_trainer
from qca.core.config import Config, ResolvedRuntime, StackConfig, TrainConfig
from qca.core.errors import SOLVE_HINT, PlanError
from qca.core.frozen import frozen_dataclass
from qca.core.units import format_size

__all__ = ["DragonflyPlan", "StackPlan", "TrainerPlan", "plan_stack", "require_fit"]


@frozen_dataclass
class StackPlan:
    """All the settings of a Compose document or a local launch."""

    _: KW_ONLY
    schema_version: Literal[1] = 1
    project: str
    runtime: Decision[ResolvedRuntime]
    dragonfly: DragonflyPlan
    """The settings of Dragonfly, which only the runtime `compose` uses; the local runtime has a
    small Valkey."""
    store_port: Decision[int | None]
    trainer: TrainerPlan
    train: TrainConfig
    """The settings of training, with its profile, device and recompute strategy resolved."""

    @property
    def store_bytes(self) -> int:
        """The host memory reserved for the store; 0 for the small store of the local runtime."""
        return _compute_store_bytes(self.runtime, self.dragonfly)

    @property
    def trainer_limit_bytes(self) -> int | None:
        """The memory that the trainer can use on its device; None if that is unknown.

        On a CPU, a container reaches its own limit long before the host's memory is exhausted.
        """
        budget = self.trainer.budget_bytes.value
        if self.runtime.value == "local" or self.trainer.device.value != "cpu":
            return budget
        limit = self.trainer.container_memory_bytes.value
        return limit if budget is None else min(limit, budget)


def plan_stack(
    facts: HostFacts,
    config: Config,
    *,
    cpu_processes: int = 1,
    running: Sequence[RunningRun] = (),
) -> StackPlan:
    """Decide how to train on this host, with `cpu_processes` processes on a CPU.

    The plan reserves the memory that the runs in `running` have yet to allocate on the same device.
    """
    runtime = _decide_runtime(facts, config.stack)
    dragonfly = plan_dragonfly(facts, config.stack)
    trainer, train = plan_trainer(
        facts,
        config,
        runtime=runtime.value,
        store_bytes=_compute_store_bytes(runtime, dragonfly),
        cpu_processes=cpu_processes,
        running=running,
    )
    return StackPlan(
        project=config.stack.project,
        runtime=runtime,
        dragonfly=dragonfly,
        store_port=_decide_store_port(config.stack),
        trainer=trainer,
        train=train,
    )


def _compute_store_bytes(runtime: Decision[ResolvedRuntime], dragonfly: DragonflyPlan) -> int:
    return dragonfly.container_memory_bytes.value if runtime.value == "compose" else 0


def require_fit(plan: StackPlan) -> None:
    """Raise PlanError for a training run that no plan fits into the device's memory.

    On a CPU, starting it would exhaust the host's memory before anything stopped it.
    """
    if plan.trainer.fits.value is not False:
        return
    hint = SOLVE_HINT
    if plan.trainer.device.value == "cpu" and plan.store_bytes > plan.trainer.needed_bytes:
        hint = (
            f"The store takes {format_size(plan.store_bytes)} of the host's memory: lower "
            "`maxmemory` or `proactor_threads`, or use --runtime local."
        )
    raise PlanError(f"training does not fit: {plan.trainer.fits.because}", hint=hint)


def _decide_runtime(facts: HostFacts, stack: StackConfig) -> Decision[ResolvedRuntime]:
    if stack.runtime != "auto":
        return Decision(stack.runtime, GIVEN)
    if not isinstance(facts.docker, Known):
        return Decision("local", f"the Docker Engine could not be examined: {facts.docker.reason}")
    engine = facts.docker.value
    if isinstance(engine, NoEngine):
        return Decision("local", engine.problem)
    if not isinstance(facts.compose, Known):
        return Decision("local", f"Compose could not be examined: {facts.compose.reason}")
    compose = facts.compose.value
    if not isinstance(compose, ComposePlugin):
        return Decision("local", "`docker compose` (V2) is not installed")
    return Decision(
        "compose", f"Engine {engine.version} and Compose {compose.version} are available"
    )


def _decide_store_port(stack: StackConfig) -> Decision[int | None]:
    if stack.store_port is not None:
        return Decision(stack.store_port, GIVEN)
    return Decision(None, "the store's port is published only if `stack.store_port` is set")
