"""Decide which GPUs can run the kernels of `qca.model.kernels`. Works without torch."""

OLDEST_CAPABILITY = (8, 0)  # the lowest that Triton supports


def can_run_kernels(compute_capability: tuple[int, int] | None) -> bool:
    """Return whether a GPU can run the kernels; True if its compute capability is unknown.

    In strict float32, training needs more memory with the kernels than without, so the prediction
    for an unknown GPU is not too low.
    """
    return compute_capability is None or compute_capability >= OLDEST_CAPABILITY
