"""Explain why AdamW's moments are in host memory if the user did not request that."""

from qca.core.config import ResolvedDevice, TrainConfig
from qca.memory.choose import Choice, choose


def explain_host_placement(
    train: TrainConfig,
    choice: Choice,
    *,
    device: ResolvedDevice = "cuda",
    host_budget: int | None = None,
    fused: bool = True,
) -> str | None:
    """Return why `choice` moved the moments and which flag prevents that; None if it did not.

    Args:
        train: the configuration before `choice` resolved it.
        choice: the result of `choose` or `solve` for it.
        device: the argument of that call.
        host_budget: the argument of that call.
        fused: the argument of that call.

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
    refused = choose(
        on_device, choice.budget_bytes, device=device, host_budget=host_budget, fused=fused
    )
    return (
        "AdamW's moments were moved to host memory: with them on the device, "
        f"{refused.because}. --optimizer-state device keeps them there."
    )
