"""How large a checkpoint is, in bytes: the weights and AdamW's two moments, in float32."""

from qca.memory.layers import FLOAT


def moments_bytes(parameters: int) -> int:
    """Return the bytes of AdamW's two moments of each parameter."""
    return 2 * FLOAT * parameters


def checkpoint_bytes(parameters: int) -> int:
    """Return the bytes of a checkpoint's tensors; its headers are a few kilobytes more."""
    return FLOAT * parameters + moments_bytes(parameters)
