"""The schedule of the noise rate during training, and the lowest rate that has an effect. Works
without torch."""

CURRICULUM_EPISODES = 2000  # the rate grows linearly over this many episodes
_SMALLEST_RATE = 0.001  # below this rate no noise is applied


def compute_noise_rate(max_noise: float, episodes_done: int) -> float:
    """Return the rate for the next episode: it grows from 0 to `max_noise`, then stays constant."""
    return max_noise * min(1.0, episodes_done / CURRICULUM_EPISODES)


def has_noise(rate: float) -> bool:
    """Return whether a rate is large enough for noise to be applied."""
    return rate >= _SMALLEST_RATE
