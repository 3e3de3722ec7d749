"""The rules of the network's shape that code without torch needs too; see `qca.model.unet`."""

# The two max-pools halve the grid twice, the two transposed convolutions double it back.
GRID_MULTIPLE = 4

_CHANNELS_PER_GROUP = 8


def count_groups(channels: int) -> int:
    """Return the number of groups of a GroupNorm over `channels`: one for every eight of them.

    It is 1 where that does not divide the channels.
    """
    groups = max(1, channels // _CHANNELS_PER_GROUP)
    return groups if channels % groups == 0 else 1
