"""Find and prepare the device for training."""

# torch's annotations are incomplete.
# pyright: reportUnknownMemberType=false
from typing import cast

import torch

from qca.core.config import TrainConfig
from qca.core.errors import LaunchError
from qca.train.distributed.ranks import read_local_rank


def require_gpus(count: int) -> None:
    """Raise LaunchError if torch sees fewer than `count` GPUs."""
    available = torch.cuda.device_count()
    if available < count:
        raise LaunchError(
            f"{count} processes need {count} GPUs; torch sees {available}",
            hint="Start at most one process per GPU.",
        )


def prepare_device(config: TrainConfig, predicted_peak_bytes: int | None) -> torch.device:
    """Return the device of `config`; "auto" means CUDA if torch sees a GPU.

    On CUDA the allocator is limited to the predicted peak, so other programs on the card can rely
    on the rest. The limit also makes cuDNN choose an algorithm whose workspace fits: without it,
    on an 80 GB card, one convolution at 256x256 cells took 65 GiB; with a limit of 2 GiB it was as
    fast (measured on an H100, torch 2.11).

    Raises:
        LaunchError: the device does not exist, or does not support the precision.

    """
    has_cuda = torch.cuda.is_available()
    if config.device == "cuda" and not has_cuda:
        raise LaunchError(
            "torch sees no usable CUDA device",
            hint='Run `qca doctor`, or choose the CPU (--device cpu, in Python device="cpu").',
        )
    if config.device == "cpu" or not has_cuda:
        if config.precision == "tf32":
            raise LaunchError(
                "a CPU does not support tf32",
                hint="Use --precision fp32, or an Ampere or later GPU.",
            )
        return torch.device("cpu")
    require_gpus(read_local_rank() + 1)
    torch.cuda.set_device(read_local_rank())
    device = torch.device("cuda", read_local_rank())
    # By default, convolutions round their operands to TF32, which `fp32` rules out.
    products = "tf32" if config.precision == "tf32" else "ieee"
    torch.backends.cudnn.conv.fp32_precision = products  # pyright: ignore[reportAttributeAccessIssue]
    torch.backends.cuda.matmul.fp32_precision = products  # pyright: ignore[reportAttributeAccessIssue]
    if predicted_peak_bytes is not None:
        total = cast(int, torch.cuda.get_device_properties(device).total_memory)
        torch.cuda.set_per_process_memory_fraction(min(1.0, predicted_peak_bytes / total), device)
    return device
