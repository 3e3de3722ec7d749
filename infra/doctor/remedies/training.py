"""Offer to train differently: without containers, on the CPU, or with a smaller model.

A remedy that changes the plan is offered only if the new plan fits.
"""

from dataclasses import replace
from typing import Any

from infra.doctor.finding import Remedy
from infra.doctor.subjects import HostSubject
from infra.stack.plan import plan_stack
from qca.core.config import TrainConfig
from qca.memory.budget import count_parameters

TRAIN_LOCALLY = Remedy(
    "Train without Docker, as a process on this machine", ("qca up --runtime local",)
)
TRAIN_SMALL_MODEL = Remedy("Train the small model", ("qca up --profile cpu",))

SMALLER_BATCH = "the combined batch is smaller, because each GPU gets batch_size samples"
"""The side effect of training with fewer GPUs."""


def change_training(subject: HostSubject, **changes: Any) -> HostSubject:
    """Return the subject with changed training settings and a new plan."""
    return _plan_again(subject, train=subject.config.train.override(**changes))


def change_stack(subject: HostSubject, **changes: Any) -> HostSubject:
    """Return the subject with changed stack settings and a new plan."""
    return _plan_again(subject, stack=subject.config.stack.override(**changes))


def _plan_again(subject: HostSubject, **tables: Any) -> HostSubject:
    config = replace(subject.config, **tables)
    return replace(subject, plan=plan_stack(subject.facts, config), config=config)


def offer_cpu_training(subject: HostSubject) -> tuple[Remedy, ...]:
    """Offer the CPU if the training run fits there, and say if its model would be smaller."""
    after = change_training(subject, device="cpu")
    if after.plan.trainer.fits.value is False:
        return ()
    before, smaller = _describe_size(subject.plan.train), _describe_size(after.plan.train)
    command = "QCA_TRAIN_DEVICE=cpu qca up"
    if smaller == before:
        return (Remedy("Train on the CPU", (command,)),)
    breaks = (
        f"the model has {smaller} parameters instead of {before}; `--profile default` keeps the "
        "full model, but is slow"
    )
    return (Remedy("Train a small model on the CPU", (command,), breaks=breaks),)


def _describe_size(train: TrainConfig) -> str:
    number = count_parameters(train.d_state, train.hidden_channels)
    return f"{number / 1e6:.1f} million"
