"""Why AdamW's moments are in host memory, where nobody asked for that."""

from qca.core.config import TrainConfig
from qca.memory.choose import Choice, Device, choose


def why_in_host_memory(
    train: TrainConfig, choice: Choice, *, device: Device = "cuda", host_budget: int | None = None
) -> str | None:
    """Return why `choice` has moved the moments, with the flag against it; None if it has not.

    Args:
        train: as it was given, before `choice` resolved it.
        choice: what `choose` or `solve` returned for it.
        device: as they had it.
        host_budget: as they had it.

    """
    if train.optimizer_state != "auto" or choice.optimizer_state != "host":
        return None
    # Of the size that `solve` found, all else as it was given.
    kept = choice.train.override(
        recompute=train.recompute, precision=choice.precision, optimizer_state="device"
    )
    there = choose(kept, choice.budget_bytes, device=device, host_budget=host_budget)
    return (
        "AdamW's moments were moved to host memory: with them on the device, "
        f"{there.because}. --optimizer-state device keeps them there."
    )
