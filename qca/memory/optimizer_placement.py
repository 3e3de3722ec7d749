"""Why AdamW's moments are in host memory where the user did not ask for that."""

from qca.core.config import TrainConfig
from qca.memory.choose import Choice, Device, choose


def explain_host_placement(
    train: TrainConfig, choice: Choice, *, device: Device = "cuda", host_budget: int | None = None
) -> str | None:
    """Return why `choice` moved the moments, with the flag that prevents it; None if it did not.

    Args:
        train: as it was given, before `choice` resolved it.
        choice: what `choose` or `solve` returned for it.
        device: the one that was passed there.
        host_budget: the one that was passed there.

    """
    if train.optimizer_state != "auto" or choice.optimizer_state != "host":
        return None
    # Of the size that `solve` found, all else as it was given.
    on_device = choice.train.override(
        recompute=train.recompute,
        segment=train.segment,
        precision=choice.precision,
        optimizer_state="device",
    )
    refused = choose(on_device, choice.budget_bytes, device=device, host_budget=host_budget)
    return (
        "AdamW's moments were moved to host memory: with them on the device, "
        f"{refused.because}. --optimizer-state device keeps them there."
    )
