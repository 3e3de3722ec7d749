"""The fused kernels and the products that replace convolutions equal plain operators."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from qca.core.config import Update
from qca.model.convolution_adjoint import UpConvolution
from qca.model.evolution import Evolution
from qca.model.kernels import Chunks, Kernels, find_kernels, find_obstacle
from qca.model.norm_elu import FusedNormElu, PlainNormElu
from qca.model.update_adjoint import FusedCartesianUpdate, PlainUpdate, make_update
from qca.model.winograd import Winograd

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
FORMATS = {"plain": torch.contiguous_format, "channels last": torch.channels_last}
ROUNDING = {torch.float32: 2e-6, torch.bfloat16: 1e-2, torch.float16: 2e-3}


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.manual_seed(seed), dtype=dtype)


def measure_error(found: Tensor, expected: Tensor) -> float:
    expected = expected.cpu()
    found = found.detach().cpu().to(expected.dtype)
    return ((found - expected).norm() / expected.norm()).item()


@pytest.fixture(autouse=True)
def exact_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training in tf32 in the same process leaves that precision set."""
    monkeypatch.setattr(torch.backends.cuda.matmul, "fp32_precision", "ieee")


def get_kernels() -> Kernels:
    device = torch.device("cuda", 0)
    kernels = find_kernels(torch.empty(1, device=device))
    assert kernels is not None, find_obstacle(device)
    return kernels


def test_a_cpu_has_no_kernels() -> None:
    assert find_kernels(torch.empty(1)) is None


@pytest.mark.parametrize("update", ["cartesian", "unitary"])
def test_without_kernels_the_update_is_the_evolutions_own(update: Update) -> None:
    assert isinstance(make_update(Evolution(nn.Identity(), 0.1, update), None), PlainUpdate)


@pytest.mark.parametrize(
    ("cells", "width", "chunks"),
    [
        (4096, 8, Chunks(16, 256, 8)),
        (16, 8, Chunks(1, 16, 8)),
        (400, 12, Chunks(4, 128, 16)),
        (1, 1, Chunks(1, 1, 1)),
        (64, 4096, Chunks(64, 1, 4096)),
    ],
)
def test_chunks_cover_a_group(cells: int, width: int, chunks: Chunks) -> None:
    assert Chunks.from_sizes(cells, width) == chunks
    assert chunks.number * chunks.block >= cells
    assert chunks.padded_count >= chunks.number


@pytest.mark.parametrize("samples", [1, 3])
def test_a_transposed_convolution_is_a_matrix_product(samples: int) -> None:
    conv = nn.ConvTranspose2d(6, 4, 2, stride=2, dtype=torch.float64)
    x = draw(samples, 6, 4, 8, dtype=torch.float64).requires_grad_()
    cotangent = draw(samples, 4, 8, 16, seed=1, dtype=torch.float64)
    expected = conv(x)
    (gradient,) = torch.autograd.grad(expected, x, cotangent)
    product = UpConvolution(conv)
    with torch.no_grad():
        assert measure_error(product.forward(x), expected) <= 1e-15
        rows = slice(samples - 1, samples)
        assert measure_error(product.backward(rows, cotangent[rows]), gradient[rows]) <= 1e-15


@on_cuda
@pytest.mark.cuda
@pytest.mark.parametrize("memory_format", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
@pytest.mark.parametrize(
    ("channels", "groups", "grid"),
    [(128, 16, 64), (1024, 128, 16), (12, 1, 20), (24, 3, 128), (1, 1, 4), (16, 2, 1)],
)
def test_normalization_and_its_adjoint(
    channels: int, groups: int, grid: int, dtype: torch.dtype, memory_format: torch.memory_format
) -> None:
    norm = nn.GroupNorm(groups, channels)
    norm.load_state_dict({"weight": 1 + draw(channels) / 3, "bias": draw(channels, seed=1) / 3})
    norm = norm.to("cuda", dtype)
    x = (1 + 2 * draw(3, channels, grid, grid)).to("cuda", dtype, memory_format=memory_format)
    # A slice of the channels, as it comes from a skip connection.
    wide = draw(1, 2 * channels, grid, grid, seed=2).to("cuda", dtype, memory_format=memory_format)
    cotangent, rows = wide[:, :channels], slice(1, 2)
    exact = nn.GroupNorm(groups, channels, dtype=torch.float64)
    exact.load_state_dict(norm.state_dict())
    plain = PlainNormElu(exact, torch.contiguous_format)
    expected = plain.forward(plain.order(x[rows].cpu().double()))
    fused = FusedNormElu(norm, get_kernels())
    with torch.no_grad():
        found = fused.forward(x.clone(memory_format=torch.preserve_format))
        assert measure_error(found[rows], expected) <= ROUNDING[dtype]
        fused.backward(slice(0, 1), torch.zeros_like(cotangent))
        fused.backward(slice(2, 3), torch.zeros_like(cotangent))
        gradient = fused.backward(rows, cotangent)
        exact_gradient = plain.backward(slice(0, 1), cotangent.cpu().double())
    assert measure_error(gradient, exact_gradient) <= 3 * ROUNDING[dtype]
    pairs = zip(fused.pop_weight_gradients(), plain.pop_weight_gradients(), strict=True)
    for weight, exact_weight in pairs:
        assert measure_error(weight, exact_weight) <= 3 * ROUNDING[dtype]


@on_cuda
@pytest.mark.cuda
@pytest.mark.parametrize("samples", [1, 8])
@pytest.mark.parametrize(
    ("inputs", "outputs", "grid"), [(28, 128, 64), (1024, 1024, 16), (3, 5, 4), (2, 2, 2)]
)
def test_a_convolution_by_winograd_and_its_adjoint(
    inputs: int, outputs: int, grid: int, samples: int
) -> None:
    weight = nn.Parameter(draw(outputs, inputs, 3, 3).cuda())
    x, cotangent = draw(samples, inputs, grid, grid), draw(samples, outputs, grid, grid, seed=1)
    winograd = Winograd(weight, get_kernels())
    winograd.refresh()
    assert winograd.can_convolve(x)
    exact = weight.detach().cpu().double()
    expected = functional.conv2d(x.double(), exact, padding=1)
    assert measure_error(winograd.convolve(x.cuda()), expected) <= 3e-6
    expected = functional.conv_transpose2d(cotangent.double(), exact, padding=1)
    assert measure_error(winograd.convolve_adjoint(cotangent.cuda()), expected) <= 3e-6


@on_cuda
@pytest.mark.cuda
@pytest.mark.parametrize(("batch", "d_state", "grid"), [(1, 14, 64), (3, 5, 4), (2, 1, 4)])
def test_the_cartesian_update_and_its_adjoint(batch: int, d_state: int, grid: int) -> None:
    psi = torch.complex(draw(batch, d_state, grid, grid), draw(batch, d_state, grid, grid, seed=1))
    field, weight = draw(batch, 2 * d_state, grid, grid, seed=2), draw(batch, grid, grid, seed=3)
    by_psi = psi.flip(0, 2)
    plain = PlainUpdate(Evolution(nn.Identity(), 0.05))
    fused = FusedCartesianUpdate(0.05, get_kernels())
    wide = (psi.to(torch.complex128), field.double())
    expected = (
        *plain.advance(*wide),
        *plain.backward(*wide, by_psi.to(torch.complex128), weight.double()),
    )
    on_device = (psi.cuda(), field.cuda())
    found = (
        *fused.advance(*on_device),
        *fused.backward(*on_device, by_psi.cuda(), weight.cuda()),
    )
    for one, other in zip(found, expected, strict=True):
        assert measure_error(one, other) <= 1e-6
