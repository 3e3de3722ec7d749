"""Which GPUs can run the kernels of `qca.model.kernels`; without torch."""

OLDEST_CAPABILITY = (8, 0)  # of Triton


def can_run_kernels(compute_capability: tuple[int, int] | None) -> bool:
    """Return whether a GPU can run them; True if its compute capability is unknown.

    They need more memory in strict float32, so a prediction for an unknown GPU is not too small.
    """
    return compute_capability is None or compute_capability >= OLDEST_CAPABILITY
