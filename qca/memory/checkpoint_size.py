"""Compute the bytes of a checkpoint: the weights and AdamW's two moments, in float32."""

from qca.memory.layers import FLOAT


def count_moment_bytes(parameters: int) -> int:
    """Return the bytes of AdamW's moments, two for each parameter."""
    return 2 * FLOAT * parameters


def count_checkpoint_bytes(parameters: int) -> int:
    """Return the bytes of a checkpoint's tensors; its header takes a few kilobytes more."""
    return FLOAT * parameters + count_moment_bytes(parameters)
