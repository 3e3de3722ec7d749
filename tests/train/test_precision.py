"""Values have 16 bits only if that is safe, and overflows are handled."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qca.runs.events import PlanChanged, Skipped
from qca.runs.metrics_log import read_records
from qca.train import trainer as trainer_module
from qca.train.precision import HALF, HalfModel, LossScale
from qca.train.step_result import SkippedStep, StepResult
from qca.train.trainer import Trainer
from tests.support.models import lively_model
from tests.support.training import read_newest, run, run_episode, select_records, small

CPU = torch.device("cpu")


def _gradient(trainer: Trainer) -> torch.Tensor:
    trainer.compute_gradients(lambda: None)
    found = [p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None]
    return torch.cat(found) / trainer.gradient_scale


@pytest.mark.parametrize("dtype", HALF.values(), ids=HALF.keys())
def test_the_copy_computes_in_16_bits_and_adds_gradients_in_32(dtype):
    model = lively_model()
    half = HalfModel(model, dtype)
    x = torch.randn(2, 8, 8, 8)
    out = half(x)
    assert {p.dtype for p in half.copy.parameters()} == {dtype}
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, model(x), rtol=0.05, atol=0.05)
    half(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())
    assert all(p.grad is None for p in half.copy.parameters())


def test_gradients_of_many_passes_are_added_up_in_32_bits():
    """In bfloat16 a sum stops growing once it is 256 times as large as the summands."""
    model = lively_model()
    half = HalfModel(model, torch.bfloat16)
    x = torch.randn(1, 8, 8, 8)
    half(x).sum().backward()
    once = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    for _ in range(599):
        half(x).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, 600 * once[name], rtol=1e-3, atol=1e-3)


def test_the_copy_follows_its_original():
    model = lively_model()
    half = HalfModel(model, torch.bfloat16)
    with torch.no_grad():
        model.outc.weight.mul_(2)
    half.refresh()
    assert torch.equal(half.copy.outc.weight, model.outc.weight.to(torch.bfloat16))


@pytest.mark.parametrize("recompute", ["step", "two-level", "host"])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_the_gradient_is_close_to_that_in_float32(precision, recompute):
    config = {"loss": "structure", "grid": 16, "hidden_channels": 8, "steps": 8}
    exact = _gradient(Trainer(small(**config), CPU))
    found = _gradient(Trainer(small(**config, precision=precision, recompute=recompute), CPU))
    assert exact.norm() > 1e-3
    assert (found - exact).norm() / exact.norm() < 0.05


def test_the_state_stays_complex64_with_cells_of_norm_1():
    trainer = Trainer(small(precision="bf16", steps=50), CPU)
    psi = torch.zeros(1, 2, 8, 8, dtype=torch.complex64)
    psi[:, 0] = 1
    for _ in range(50):
        psi = trainer.evolution(psi)
    assert psi.dtype == torch.complex64
    norms = psi.abs().square().sum(dim=1)
    torch.testing.assert_close(norms, torch.ones_like(norms), rtol=0, atol=1e-6)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_run_in_half_precision_resumes_as_if_it_had_never_stopped(tmp_path, precision):
    config = small(precision=precision, episodes=4)
    run(config, tmp_path / "whole")
    run(config.override(episodes=2), tmp_path / "stopped")
    run(config, tmp_path / "stopped", resume=True)
    one, other = read_newest(tmp_path / "whole"), read_newest(tmp_path / "stopped")
    assert (one.loss_scale, one.skipped) == (other.loss_scale, other.skipped)
    assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)


# -- what is not finite ---------------------------------------------------------------------------


def _poison(monkeypatch: pytest.MonkeyPatch, samples: set[int]) -> None:
    true = trainer_module.draw_initial_state

    def draw_initial_state(seed, asked, **shape):
        psi = true(seed, asked, **shape)
        return psi * float("nan") if samples & set(asked) else psi

    monkeypatch.setattr(trainer_module, "draw_initial_state", draw_initial_state)


def test_a_non_finite_episode_changes_no_weights_and_is_counted(monkeypatch):
    _poison(monkeypatch, {1})
    trainer = Trainer(small(), CPU)
    run_episode(trainer)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    assert run_episode(trainer) == SkippedStep("the loss is nan")
    assert (trainer.episodes, trainer.skipped) == (2, 1)
    after = trainer.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert isinstance(run_episode(trainer), StepResult)


def test_it_is_reported_and_has_no_line_in_the_metrics(tmp_path, monkeypatch):
    _poison(monkeypatch, {2})
    events = run(small(), tmp_path)
    (skipped,) = [event for event in events if isinstance(event, Skipped)]
    assert (skipped.episode, skipped.because) == (3, "the loss is nan")
    assert [r.episode for r in read_records(tmp_path / "metrics.jsonl")] == [1, 2, 4, 5, 6]
    assert select_records(events)[-1].skipped == 1


def test_an_overflow_in_fp16_halves_the_loss_scale_and_training_continues(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer_module, "LossScale", lambda: LossScale(2.0**40))
    events = run(small(precision="fp16", episodes=30), tmp_path)
    skipped = [event for event in events if isinstance(event, Skipped)]
    scales = [event.loss_scale for event in skipped]
    assert scales == [2.0**power for power in range(39, 39 - len(scales), -1)]
    assert len(skipped) > 3  # which would end a run in float32
    assert select_records(events)
    assert not any(isinstance(event, PlanChanged) for event in events)


@given(st.lists(st.booleans(), max_size=400))
def test_the_loss_scale_stays_a_power_of_two_between_its_bounds(episodes):
    scale = LossScale()
    for finite in episodes:
        scale = scale.advance(finite)
        assert 1 <= scale.factor <= 2.0**24
        assert torch.tensor(scale.factor).frexp().mantissa == 0.5


def test_the_loss_scale_grows_after_100_clean_episodes():
    scale = LossScale(8.0)
    for _ in range(99):
        scale = scale.advance(True)
    assert scale.factor == 8.0
    assert scale.advance(True) == LossScale(16.0)
    assert scale.advance(False) == LossScale(4.0)
