import pytest
import torch

from qca.core.config import TrainConfig
from qca.train.conv_trials import are_worthwhile, try_algorithms


def is_trying() -> bool:
    return torch.backends.cudnn.benchmark


def test_trials_are_enabled_only_in_the_block() -> None:
    assert not is_trying()
    with try_algorithms():
        torch.ones(2).add(1)
        assert is_trying()
    assert not is_trying()


def test_they_end_with_the_first_operation_after_the_deadline() -> None:
    with try_algorithms(seconds=-1):
        assert is_trying()
        torch.ones(2).add(1)
        assert not is_trying()


def test_an_error_ends_them_too() -> None:
    with pytest.raises(torch.OutOfMemoryError), try_algorithms():
        raise torch.OutOfMemoryError
    assert not is_trying()


@pytest.mark.parametrize(
    ("precision", "episodes", "fused", "expected"),
    [
        ("fp32", 2000, False, True),
        ("fp32", 2000, True, False),
        ("fp32", 10, False, False),
        ("tf32", 2000, False, False),
        ("bf16", 2000, False, False),
    ],
)
def test_trials_run_only_if_they_pay_off(
    precision: str, episodes: int, fused: bool, expected: bool
) -> None:
    config = TrainConfig().override(precision=precision, episodes=episodes)
    assert are_worthwhile(config, fused=fused) is expected
