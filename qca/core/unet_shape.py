"""The rules for the network's shape, for code that runs without torch; see `qca.model.unet`."""

# Two max-pools halve the grid twice; two transposed convolutions restore it.
GRID_MULTIPLE = 4

_CHANNELS_PER_GROUP = 8


def count_groups(channels: int) -> int:
    """Return the number of groups of a GroupNorm over `channels`: one per eight channels.

    It is 1 if that number does not divide the channels.
    """
    groups = max(1, channels // _CHANNELS_PER_GROUP)
    return groups if channels % groups == 0 else 1
