import pytest

from qca.core.noise_schedule import CURRICULUM_EPISODES, compute_noise_rate, has_noise


@pytest.mark.parametrize(
    ("done", "rate"), [(0, 0.0), (1, 0.2 / 2000), (1000, 0.1), (2000, 0.2), (9999, 0.2)]
)
def test_the_rate_grows_over_2000_episodes(done: int, rate: float):
    assert compute_noise_rate(0.2, done) == pytest.approx(rate)


def test_the_curriculum_is_2000_episodes_long():
    assert CURRICULUM_EPISODES == 2000


@pytest.mark.parametrize(("rate", "applied"), [(0.0, False), (0.0009, False), (0.001, True)])
def test_below_a_rate_of_a_thousandth_there_is_no_noise(rate: float, applied: bool):
    assert has_noise(rate) == applied
