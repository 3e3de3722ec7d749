"""The transforms of Winograd's convolution as Triton kernels; see `winograd`.

One program handles some pairs of a channel and a tile of 2x2 results. `first` and `last` are the
indices of the first and the last row and column of the transformed domain, 0 and 3. Swapping the
two rotates the kernel by 180 degrees, so the transformed weights of a convolution also serve its
adjoint.
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
def _locate(samples, height, width, block: "constexpr"):
    """Return the program's pairs, and the sample, channel and first cell of each tile."""
    pair = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    columns = width // 2
    tiles = height // 2 * columns
    sample, channel = pair // tiles % samples, pair // (samples * tiles)
    return pair, sample, channel, pair % tiles // columns * 2, pair % columns * 2


@triton.jit
def _load_row(x, place, inside, column, width):
    """Return four adjacent numbers of a row, padded with zeros, in the transformed domain."""
    a = tl.load(x + place, mask=inside & (column >= 0), other=0.0)
    b = tl.load(x + place + 1, mask=inside, other=0.0)
    c = tl.load(x + place + 2, mask=inside, other=0.0)
    d = tl.load(x + place + 3, mask=inside & (column + 3 < width), other=0.0)
    return a - c, b + c, c - b, b - d


@triton.jit
def _store_column(out, a, b, c, d, row_step, mask, first: "constexpr", last: "constexpr"):
    """Transform a column of four rows and store it."""
    tl.store(out + first * row_step, a - c, mask=mask)
    tl.store(out + row_step, b + c, mask=mask)
    tl.store(out + 2 * row_step, c - b, mask=mask)
    tl.store(out + last * row_step, b - d, mask=mask)


@triton.jit
def transform_input(
    x,
    out,
    pairs,
    samples,
    height,
    width,
    sample_step,
    channel_step,
    first: "constexpr",
    last: "constexpr",
    block: "constexpr",
):
    """Write the transformed 4x4 neighborhoods of all tiles to `out`, (16, channels, tiles)."""
    pair, sample, channel, row, column = _locate(samples, height, width, block)
    mask = pair < pairs
    row, column = row - 1, column - 1
    place = sample * sample_step + channel * channel_step + row * width + column
    a0, a1, a2, a3 = _load_row(x, place, mask & (row >= 0), column, width)
    b0, b1, b2, b3 = _load_row(x, place + width, mask, column, width)
    c0, c1, c2, c3 = _load_row(x, place + 2 * width, mask, column, width)
    d0, d1, d2, d3 = _load_row(x, place + 3 * width, mask & (row + 3 < height), column, width)
    out += pair
    _store_column(out + first * pairs, a0, b0, c0, d0, 4 * pairs, mask, first, last)
    _store_column(out + pairs, a1, b1, c1, d1, 4 * pairs, mask, first, last)
    _store_column(out + 2 * pairs, a2, b2, c2, d2, 4 * pairs, mask, first, last)
    _store_column(out + last * pairs, a3, b3, c3, d3, 4 * pairs, mask, first, last)


@triton.jit
def _load_transformed(products, row_step, mask, first: "constexpr", last: "constexpr"):
    """Return the two results that a column of four products gives."""
    a = tl.load(products + first * row_step, mask=mask, other=0.0)
    b = tl.load(products + row_step, mask=mask, other=0.0)
    c = tl.load(products + 2 * row_step, mask=mask, other=0.0)
    d = tl.load(products + last * row_step, mask=mask, other=0.0)
    return a + b + c, b - c - d


@triton.jit
def transform_output(
    products,
    out,
    pairs,
    channels,
    samples,
    height,
    width,
    first: "constexpr",
    last: "constexpr",
    block: "constexpr",
):
    """Write the 2x2 results of all tiles from the products, (16, channels, tiles)."""
    pair, sample, channel, row, column = _locate(samples, height, width, block)
    mask = pair < pairs
    products += pair
    a0, a1 = _load_transformed(products + first * pairs, 4 * pairs, mask, first, last)
    b0, b1 = _load_transformed(products + pairs, 4 * pairs, mask, first, last)
    c0, c1 = _load_transformed(products + 2 * pairs, 4 * pairs, mask, first, last)
    d0, d1 = _load_transformed(products + last * pairs, 4 * pairs, mask, first, last)
    place = ((sample * channels + channel) * height + row) * width + column
    tl.store(out + place, a0 + b0 + c0, mask=mask)
    tl.store(out + place + 1, b0 - c0 - d0, mask=mask)
    tl.store(out + place + width, a1 + b1 + c1, mask=mask)
    tl.store(out + place + width + 1, b1 - c1 - d1, mask=mask)


@triton.jit
def _transform_kernel(a, b, c):
    """Transform three numbers of a kernel into four."""
    middle = 0.5 * (a + c)
    return a, middle + 0.5 * b, middle - 0.5 * b, c


@triton.jit
def _store_kernel(out, a, b, c, row_step, mask):
    """Transform a column of three rows and store it."""
    a, b, c, d = _transform_kernel(a, b, c)
    tl.store(out, a, mask=mask)
    tl.store(out + row_step, b, mask=mask)
    tl.store(out + 2 * row_step, c, mask=mask)
    tl.store(out + 3 * row_step, d, mask=mask)


@triton.jit
def _load_kernel(weight, mask):
    """Return the four transformed numbers of a kernel's row."""
    a = tl.load(weight, mask=mask, other=0.0)
    b = tl.load(weight + 1, mask=mask, other=0.0)
    c = tl.load(weight + 2, mask=mask, other=0.0)
    return _transform_kernel(a, b, c)


@triton.jit
def transform_weight(weight, out, pairs, block: "constexpr"):
    """Write the transformed 3x3 kernels of all pairs of channels to `out`, (16, pairs)."""
    pair = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    mask = pair < pairs
    weight += 9 * pair
    a0, a1, a2, a3 = _load_kernel(weight, mask)
    b0, b1, b2, b3 = _load_kernel(weight + 3, mask)
    c0, c1, c2, c3 = _load_kernel(weight + 6, mask)
    out += pair
    _store_kernel(out, a0, b0, c0, 4 * pairs, mask)
    _store_kernel(out + pairs, a1, b1, c1, 4 * pairs, mask)
    _store_kernel(out + 2 * pairs, a2, b2, c2, 4 * pairs, mask)
    _store_kernel(out + 3 * pairs, a3, b3, c3, 4 * pairs, mask)
