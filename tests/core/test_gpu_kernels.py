"""The GPUs that can run the kernels."""

import pytest

from qca.core.gpu_kernels import can_run_kernels


@pytest.mark.parametrize(
    ("compute_capability", "can"),
    [((7, 5), False), ((8, 0), True), ((8, 6), True), ((12, 0), True), (None, True)],
)
def test_they_need_ampere_and_an_unknown_gpu_is_assumed_to_have_them(compute_capability, can):
    assert can_run_kernels(compute_capability) is can
