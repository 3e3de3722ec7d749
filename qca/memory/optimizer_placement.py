"""Explain why AdamW's moments are in host memory if the user did not request that."""

from qca.core.config import TrainConfig
from qca.memory.choose import Choice, choose
from qca.memory.machine import Machine


def explain_host_placement(train: TrainConfig, choice: Choice, machine: Machine) -> str | None:
    """Return why `choice` moved the moments and which flag prevents that; None if it did not.

    Args:
        train: the configuration before `choice` resolved it.
        choice: the result of `choose` or `solve` for it.
        machine: the argument of that call.

    """
    if train.optimizer_state != "auto" or choice.optimizer_state != "host":
        return None
    # Use the size that `solve` found, and the configured value of everything else.
    on_device = choice.train.override(
        recompute=train.recompute,
        segment=train.segment,
        tapes=train.tapes,
        precision=choice.precision,
        optimizer_state="device",
    )
    refused = choose(on_device, choice.budget_bytes, machine)
    return (
        "AdamW's moments were moved to host memory: with them on the device, "
        f"{refused.because}. --optimizer-state device keeps them there."
    )
