"""How the noise grows during a training, and from which rate on there is any. Needs no torch."""

CURRICULUM_EPISODES = 2000  # the rate grows linearly over so many episodes
_SMALLEST_RATE = 0.001  # below it no noise is applied


def compute_noise_rate(max_noise: float, episodes_done: int) -> float:
    """Return the rate for the next episode: from 0, growing to `max_noise`, then constant."""
    return max_noise * min(1.0, episodes_done / CURRICULUM_EPISODES)


def has_noise(rate: float) -> bool:
    """Return whether a rate is large enough for noise to be applied."""
    return rate >= _SMALLEST_RATE
