"""GroupNorm with ELU, forward and backward, as two Triton kernels each; see `norm_elu`.

Program (i, j) handles chunk j of group i, counted over all samples. The first kernel reduces each
chunk; the second combines the chunks of its group. All arithmetic is in float32, even if the
tensors are stored in 16 bits. A `step` is the stride between two neighbors, so both memory formats
work.
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
def _expm1(x):
    """Return exp(x) - 1 for x <= 0, using its series near 0."""
    series = x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6)))))
    return tl.where(x > -0.125, series, tl.exp(x) - 1)


@triton.jit
def _locate(
    cells,
    width,
    groups,
    sample_step,
    channel_step,
    cell_step,
    block: "constexpr",
    lanes: "constexpr",
):
    """Return the offsets of the program's chunk, and a mask of those within the group."""
    cell = tl.program_id(1) * block + tl.arange(0, block)
    lane = tl.arange(0, lanes)
    sample = (tl.program_id(0) // groups).to(tl.int64)
    channel = tl.program_id(0) % groups * width + lane
    place = sample * sample_step + channel[None, :] * channel_step + cell[:, None] * cell_step
    return place, (cell < cells)[:, None] & (lane < width)[None, :]


@triton.jit
def measure(
    x,
    partials,
    cells,
    width,
    groups,
    sample_step,
    channel_step,
    cell_step,
    block: "constexpr",
    lanes: "constexpr",
):
    """Write each chunk's mean and its sum of squared deviations from the mean."""
    place, mask = _locate(cells, width, groups, sample_step, channel_step, cell_step, block, lanes)
    value = tl.load(x + place, mask=mask, other=0.0).to(tl.float32)
    mean = tl.sum(value) / (1.0 * tl.minimum(cells - tl.program_id(1) * block, block) * width)
    centered = tl.where(mask, value - mean, 0.0)
    partials += 2 * (tl.program_id(0) * tl.num_programs(1) + tl.program_id(1))
    tl.store(partials, mean)
    tl.store(partials + 1, tl.sum(centered * centered))


@triton.jit
def normalize(
    x,
    out,
    partials,
    means,
    rstds,
    weight,
    bias,
    epsilon,
    cells,
    width,
    groups,
    sample_step,
    channel_step,
    cell_step,
    block: "constexpr",
    lanes: "constexpr",
    chunks: "constexpr",
):
    """Write ELU(GroupNorm(x)) to `out`, and each group's mean and reciprocal deviation."""
    part = tl.arange(0, chunks)
    known = part < tl.num_programs(1)
    partials += 2 * (tl.program_id(0) * tl.num_programs(1) + part)
    part_mean = tl.load(partials, mask=known, other=0.0)
    squares = tl.load(partials + 1, mask=known, other=0.0)
    # Combine the means and squared deviations of the chunks (Chan and others 1983).
    size = tl.where(known, 1.0 * tl.minimum(cells - part * block, block) * width, 0.0)
    count = 1.0 * cells * width
    mean = tl.sum(size * part_mean) / count
    change = part_mean - mean
    rstd = 1.0 / tl.sqrt(tl.sum(squares + size * change * change) / count + epsilon)
    tl.store(means + tl.program_id(0), mean, mask=tl.program_id(1) == 0)
    tl.store(rstds + tl.program_id(0), rstd, mask=tl.program_id(1) == 0)
    place, mask = _locate(cells, width, groups, sample_step, channel_step, cell_step, block, lanes)
    lane = tl.arange(0, lanes)
    channel = tl.program_id(0) % groups * width + lane
    scale = tl.load(weight + channel, mask=lane < width, other=0.0).to(tl.float32)
    shift = tl.load(bias + channel, mask=lane < width, other=0.0).to(tl.float32)
    value = tl.load(x + place, mask=mask, other=0.0).to(tl.float32)
    value = (value - mean) * rstd * scale[None, :] + shift[None, :]
    value = tl.where(value > 0, value, _expm1(value))
    tl.store(out + place, value.to(out.dtype.element_ty), mask=mask)


@triton.jit
def _load_gradient(cotangent, x, out, means, rstds, given, place, mask):
    """Return (gradient of ELU's argument, normalized input, reciprocal deviation)."""
    mean = tl.load(means + tl.program_id(0))
    rstd = tl.load(rstds + tl.program_id(0))
    gradient = tl.load(cotangent + given, mask=mask, other=0.0).to(tl.float32)
    result = tl.load(out + place, mask=mask, other=0.0).to(tl.float32)
    value = (tl.load(x + place, mask=mask, other=0.0).to(tl.float32) - mean) * rstd
    return tl.where(result > 0, gradient, gradient * (result + 1)), value, rstd


@triton.jit
def reduce_gradient(
    cotangent,
    x,
    out,
    means,
    rstds,
    partials,
    cells,
    width,
    groups,
    sample_step,
    channel_step,
    cell_step,
    cotangent_sample_step,
    cotangent_channel_step,
    cotangent_cell_step,
    block: "constexpr",
    lanes: "constexpr",
):
    """Write each chunk's gradients of weight and bias, (2, samples, channels, chunks)."""
    place, mask = _locate(cells, width, groups, sample_step, channel_step, cell_step, block, lanes)
    given, _ = _locate(
        cells,
        width,
        groups,
        cotangent_sample_step,
        cotangent_channel_step,
        cotangent_cell_step,
        block,
        lanes,
    )
    gradient, value, _ = _load_gradient(cotangent, x, out, means, rstds, given, place, mask)
    lane = tl.arange(0, lanes)
    row = (tl.program_id(0) * width + lane) * tl.num_programs(1) + tl.program_id(1)
    bias = tl.num_programs(0) * width * tl.num_programs(1)
    tl.store(partials + row, tl.sum(gradient * value, axis=0), mask=lane < width)
    tl.store(partials + bias + row, tl.sum(gradient, axis=0), mask=lane < width)


@triton.jit
def differentiate(
    cotangent,
    x,
    out,
    means,
    rstds,
    weight,
    partials,
    weight_gradient,
    bias_gradient,
    cells,
    width,
    groups,
    sample_step,
    channel_step,
    cell_step,
    cotangent_sample_step,
    cotangent_channel_step,
    cotangent_cell_step,
    block: "constexpr",
    lanes: "constexpr",
    chunks: "constexpr",
):
    """Overwrite x with its gradient; write each sample's gradients of weight and bias."""
    lane = tl.arange(0, lanes)
    part = tl.arange(0, chunks)
    row = tl.program_id(0) * width + lane
    known = (lane < width)[:, None] & (part < tl.num_programs(1))[None, :]
    partials += row[:, None] * tl.num_programs(1) + part[None, :]
    by_weight = tl.sum(tl.load(partials, mask=known, other=0.0), axis=1)
    partials += tl.num_programs(0) * width * tl.num_programs(1)
    by_bias = tl.sum(tl.load(partials, mask=known, other=0.0), axis=1)
    first = (lane < width) & (tl.program_id(1) == 0)
    tl.store(weight_gradient + row, by_weight, mask=first)
    tl.store(bias_gradient + row, by_bias, mask=first)
    channel = tl.program_id(0) % groups * width + lane
    scale = tl.load(weight + channel, mask=lane < width, other=0.0).to(tl.float32)
    count = 1.0 * cells * width
    along = tl.sum(by_weight * scale) / count
    level = tl.sum(by_bias * scale) / count
    place, mask = _locate(cells, width, groups, sample_step, channel_step, cell_step, block, lanes)
    given, _ = _locate(
        cells,
        width,
        groups,
        cotangent_sample_step,
        cotangent_channel_step,
        cotangent_cell_step,
        block,
        lanes,
    )
    gradient, value, rstd = _load_gradient(cotangent, x, out, means, rstds, given, place, mask)
    gradient = rstd * (gradient * scale[None, :] - level - value * along)
    tl.store(x + place, gradient.to(x.dtype.element_ty), mask=mask)
