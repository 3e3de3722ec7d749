"""The cartesian step and its adjoint as one Triton kernel each; see `qca.model.evolution`.

One program handles all components of some cells. A complex number is two adjacent floats in memory;
the network's field has all real parts first, then all imaginary parts.
"""

# pyright: basic
# Triton compiles the functions below; its language has no types for parameters.

from importlib import import_module
from typing import Any

# Installed only with a CUDA build of torch.
triton: Any = import_module("triton")
tl: Any = import_module("triton.language")

constexpr = int  # Triton recognizes compile-time constants by this name


@triton.jit
def _locate(rows, cells, components, block: "constexpr", lanes: "constexpr"):
    """Return the program's cells, their offsets in a state and a field, and a mask of both."""
    row = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    lane = tl.arange(0, lanes)
    sample = row // cells
    place = (row % cells)[:, None] + lane[None, :] * cells
    state = sample[:, None] * components * cells + place
    real = state + sample[:, None] * components * cells
    imaginary = real + components * cells
    return row, state, real, imaginary, (row < rows)[:, None] & (lane < components)[None, :]


@triton.jit
def _load_moved(psi, field, state, real, imaginary, mask, decay):
    """Return psi, 1 + h - gamma and their product, each as real and imaginary parts."""
    x = tl.load(psi + 2 * state, mask=mask, other=0.0)
    y = tl.load(psi + 2 * state + 1, mask=mask, other=0.0)
    a = tl.load(field + real, mask=mask, other=0.0) + decay
    b = tl.load(field + imaginary, mask=mask, other=0.0)
    return x, y, a, b, x * a - y * b, x * b + y * a


@triton.jit
def advance(
    psi,
    field,
    out,
    squared_norms,
    decay,
    floor,
    rows,
    cells,
    components,
    block: "constexpr",
    lanes: "constexpr",
):
    """Write the next state and each cell's squared norm before normalization."""
    row, state, real, imaginary, mask = _locate(rows, cells, components, block, lanes)
    _, _, _, _, x, y = _load_moved(psi, field, state, real, imaginary, mask, decay)
    squared = tl.sum(x * x + y * y, axis=1)
    scale = (1.0 / (tl.sqrt(squared) + floor))[:, None]
    tl.store(out + 2 * state, x * scale, mask=mask)
    tl.store(out + 2 * state + 1, y * scale, mask=mask)
    tl.store(squared_norms + row, squared, mask=row < rows)


@triton.jit
def differentiate(
    psi,
    field,
    by_out,
    by_squared_norm,
    by_psi,
    by_field,
    decay,
    floor,
    rows,
    cells,
    components,
    block: "constexpr",
    lanes: "constexpr",
):
    """Write the gradients of the state and of the field."""
    row, state, real, imaginary, mask = _locate(rows, cells, components, block, lanes)
    x, y, a, b, u, v = _load_moved(psi, field, state, real, imaginary, mask, decay)
    p = tl.load(by_out + 2 * state, mask=mask, other=0.0)
    q = tl.load(by_out + 2 * state + 1, mask=mask, other=0.0)
    norm = tl.sqrt(tl.sum(u * u + v * v, axis=1))
    scale = 1.0 / (norm + floor)
    along = tl.sum(p * u + q * v, axis=1) * scale * scale
    level = 2 * tl.load(by_squared_norm + row, mask=row < rows, other=0.0)
    radial = level - along / tl.where(norm > 0, norm, 1.0)
    p = p * scale[:, None] + u * radial[:, None]
    q = q * scale[:, None] + v * radial[:, None]
    tl.store(by_psi + 2 * state, p * a + q * b, mask=mask)
    tl.store(by_psi + 2 * state + 1, q * a - p * b, mask=mask)
    tl.store(by_field + real, p * x + q * y, mask=mask)
    tl.store(by_field + imaginary, q * x - p * y, mask=mask)
