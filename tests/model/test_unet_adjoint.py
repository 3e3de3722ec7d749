"""The adjoint over slices of a batch equals autograd's, for every layer and number format."""

import pytest
import torch
from torch import Tensor

from qca.model.unet import UNetUnitary
from qca.model.unet_adjoint import UNetAdjoint
from tests.support.models import lively_model

# Relative to autograd's gradient; the sums over samples have another order.
ROUNDING = {torch.float64: 1e-13, torch.float32: 2e-5, torch.bfloat16: 3e-2}
FORMATS = {"plain": torch.contiguous_format, "channels last": torch.channels_last}


def make_model(dtype: torch.dtype, d_state: int = 3, hidden: int = 16) -> UNetUnitary:
    return lively_model(d_state, hidden, std=0.3).to(dtype)


def find_errors(model: UNetUnitary, *, segment: int, batch: int, grid: int = 8) -> dict[str, float]:
    """Return the relative error of the output, the input's gradient and each parameter's."""
    dtype = next(model.parameters()).dtype
    draw = torch.manual_seed(1)
    shape = (segment * batch, 2 * model.d_state, grid, grid)
    x, cotangent = (torch.randn(shape, generator=draw).to(dtype) for _ in range(2))
    expected = differentiate_by_autograd(model, x, cotangent)
    model.zero_grad()
    adjoint = UNetAdjoint(model)
    out = adjoint.forward(x).clone()
    gradients: list[Tensor] = []
    for index in reversed(range(segment)):
        rows = slice(index * batch, (index + 1) * batch)
        gradients.insert(0, adjoint.backward(rows, cotangent[rows]))
    adjoint.add_weight_gradients()
    found = {"output": out, "input": torch.cat(gradients), **list_gradients(model)}
    assert found.keys() == expected.keys()
    return {name: measure_error(found[name], expected[name]) for name in found}


def differentiate_by_autograd(
    model: UNetUnitary, x: Tensor, cotangent: Tensor
) -> dict[str, Tensor]:
    model.zero_grad()
    x = x.clone().requires_grad_()
    out = model(x)
    out.backward(cotangent)
    assert x.grad is not None
    gradients = {name: gradient.clone() for name, gradient in list_gradients(model).items()}
    return {"output": out.detach(), "input": x.grad, **gradients}


def list_gradients(model: UNetUnitary) -> dict[str, Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def measure_error(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).double().norm() / expected.double().norm()).item()


@pytest.mark.parametrize("memory_format", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
def test_every_gradient_equals_autograds(
    dtype: torch.dtype, memory_format: torch.memory_format
) -> None:
    model = make_model(dtype)
    model.to(memory_format=memory_format)  # pyright: ignore[reportCallIssue] # torch's stub
    errors = find_errors(model, segment=3, batch=2)
    assert {name: error for name, error in errors.items() if not error <= ROUNDING[dtype]} == {}


@pytest.mark.parametrize(("segment", "batch"), [(1, 1), (1, 3), (5, 1), (8, 2)])
@pytest.mark.parametrize(("d_state", "hidden", "grid"), [(1, 1, 4), (2, 12, 8), (5, 8, 16)])
def test_every_gradient_equals_autograds_for_every_size(
    segment: int, batch: int, d_state: int, hidden: int, grid: int
) -> None:
    model = make_model(torch.float64, d_state, hidden)
    errors = find_errors(model, segment=segment, batch=batch, grid=grid)
    assert max(errors.values()) <= 1e-12


def test_gradients_are_added_to_those_of_other_parameters() -> None:
    """As in half precision, the computing weights are copies of the trained ones."""
    model, learned = make_model(torch.bfloat16), make_model(torch.float32)
    for parameter in learned.parameters():
        parameter.grad = torch.ones_like(parameter)
    x = torch.randn(2, 6, 8, 8)
    adjoint = UNetAdjoint(model, list(learned.parameters()))
    assert adjoint.forward(x).dtype == torch.float32
    gradient = adjoint.backward(slice(0, 2), torch.randn(2, 6, 8, 8))
    adjoint.add_weight_gradients()
    assert gradient.dtype == torch.float32
    assert list_gradients(model) == {}
    assert all(g.dtype == torch.float32 for g in list_gradients(learned).values())
    assert all((g != 1).any() for g in list_gradients(learned).values())


def test_rows_without_a_gradient_add_nothing() -> None:
    model = make_model(torch.float64)
    x = torch.randn(3, 6, 8, 8, dtype=torch.float64)
    cotangent = torch.randn(1, 6, 8, 8, dtype=torch.float64)
    expected = differentiate_by_autograd(model, x[:1], cotangent)
    model.zero_grad()
    adjoint = UNetAdjoint(model)
    adjoint.forward(x)
    for index in (2, 1):
        behind = adjoint.backward(slice(index, index + 1), torch.zeros_like(cotangent))
        assert not behind.any()
    adjoint.backward(slice(0, 1), cotangent)
    adjoint.add_weight_gradients()
    for name, gradient in list_gradients(model).items():
        assert measure_error(gradient, expected[name]) <= 1e-13


def test_no_tensor_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printing a tensor waits for the GPU, which would abort the capture of a graph."""
    printed: list[Tensor] = []
    monkeypatch.setattr("torch._tensor_str._str", lambda tensor, **_: printed.append(tensor) or "")
    find_errors(make_model(torch.float32), segment=3, batch=1)
    assert printed == []
