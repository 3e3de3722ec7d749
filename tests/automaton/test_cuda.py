"""On a GPU a captured graph runs the same steps, and states are copied to the host in chunks."""

import numpy as np
import pytest
import torch

from qca.automaton.automaton import CHUNK, Automaton
from qca.automaton.stepper import GraphStepper, make_stepper
from tests.support.automata import write_trained_run

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]


@pytest.mark.parametrize("update", ["cartesian", "unitary"])
def test_a_rollout_equals_the_cpus_within_rounding(tmp_path, update):
    folder = write_trained_run(tmp_path / "first", update=update, hidden_channels=16, grid=16)
    cpu, gpu = (Automaton.load(folder, device=device) for device in ("cpu", "cuda"))
    steps = 2 * CHUNK + 3
    for noise in (0.0, 0.3):
        pairs = zip(cpu.rollout(steps, noise=noise), gpu.rollout(steps, noise=noise), strict=True)
        for here, there in pairs:
            assert here.step == there.step
            assert np.abs(here.psi - there.psi).max() < 1e-3
            assert np.abs(here.squared_norm - there.squared_norm).max() < 1e-3


def test_a_captured_step_equals_the_eager_one(tmp_path):
    automaton = Automaton.load(write_trained_run(tmp_path / "first"), device="cuda")
    psi = torch.from_numpy(automaton.make_start()).unsqueeze(0).cuda()
    stepper = make_stepper(automaton.evolution, psi)
    assert isinstance(stepper, GraphStepper)
    with torch.inference_mode():
        for _ in range(3):
            expected, found = automaton.evolution.advance(psi), stepper(psi)
            assert (expected.psi - found.psi).abs().max() < 1e-6
            assert (expected.squared_norm - found.squared_norm).abs().max() < 1e-6
            psi = found.psi
