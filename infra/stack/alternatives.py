"""List other ways to run the planned training on its GPU, with the memory and time of each."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from infra.stack.plan import StackPlan
from qca.core.config import Config, ResolvedPrecision, ResolvedRecompute, TrainConfig, apply_profile
from qca.core.frozen import frozen_dataclass
from qca.core.step_timing import StepTiming
from qca.memory.choose import Choice, choose
from qca.memory.cost import DRIFT, estimate_step_cost
from qca.memory.ways import list_precisions


@frozen_dataclass
class Alternative:
    """Another way to train, compared with the planned one."""

    precision: ResolvedPrecision
    recompute: ResolvedRecompute
    segment: int
    total_bytes: int
    """The predicted peak plus the CUDA context."""
    fits: bool | None
    time_ratio: float
    """The time relative to the planned way."""
    drift: float
    """The gradient's error relative to fp32."""
    is_measured: bool
    """Whether the time and the drift come from measurements of this precision on this machine."""
    is_planned: bool = False


def list_alternatives(config: Config, plan: StackPlan) -> list[Alternative]:
    """Return the planned way and the best one in every other precision, fastest first.

    The list also has the planned precision with only one step's graph alive at a time, which needs
    less memory.
    Without a GPU the list is empty.
    """
    gpu, machine = plan.trainer.fullest_gpu, plan.trainer.machine
    if gpu is None or machine.device != "cuda":
        return []
    train = apply_profile(config.train, plan.trainer.profile.value)
    ways = (plan.train, *_list_ways(train, plan, list_precisions(gpu.compute_capability)))
    choices = (choose(way, plan.trainer.budget_bytes.value, machine) for way in ways)
    timings = machine.select_timings(train)
    planned, *others = dict.fromkeys(_describe(choice, timings) for choice in choices)
    found = [replace(planned, is_planned=True), *others]
    fastest_first = sorted(found, key=lambda one: one.time_ratio)
    return [replace(one, time_ratio=one.time_ratio / planned.time_ratio) for one in fastest_first]


def _list_ways(
    train: TrainConfig, plan: StackPlan, precisions: Sequence[ResolvedPrecision]
) -> Iterator[TrainConfig]:
    for precision in precisions:
        yield train.override(precision=precision)
    yield plan.train.override(recompute="step", segment=1, tapes=0)


def _describe(choice: Choice, timings: Sequence[StepTiming]) -> Alternative:
    """Return the chosen way, with its absolute cost as `time_ratio`."""
    cost = estimate_step_cost(
        choice.recompute,
        choice.precision,
        choice.segment,
        taped=choice.tapes / choice.train.steps,
        device="cuda",
        timings=timings,
    )
    measured = [one for one in timings if one.precision == choice.precision]
    drifts = [one.drift for one in measured if one.drift is not None]
    return Alternative(
        precision=choice.precision,
        recompute=choice.recompute,
        segment=choice.segment,
        total_bytes=choice.estimate.total_bytes,
        fits=choice.fits,
        time_ratio=cost,
        drift=drifts[0] if drifts else DRIFT[choice.precision],
        is_measured=bool(measured),
    )
