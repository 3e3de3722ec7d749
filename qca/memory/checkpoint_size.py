"""How large a checkpoint is, in bytes: the weights and AdamW's two moments, in float32."""

from qca.memory.layers import FLOAT


def count_moment_bytes(parameters: int) -> int:
    """Return the bytes of AdamW's two moments of each parameter."""
    return 2 * FLOAT * parameters


def count_checkpoint_bytes(parameters: int) -> int:
    """Return the bytes of a checkpoint's tensors; its headers are a few kilobytes more."""
    return FLOAT * parameters + count_moment_bytes(parameters)
