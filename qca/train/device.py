"""The device that a training runs on, made ready for it."""

import torch

from qca.config import TrainConfig
from qca.errors import LaunchError


def prepare_device(config: TrainConfig, predicted_peak_bytes: int | None) -> torch.device:
    """Return the device of `config`; "auto" means CUDA where torch sees one.

    On CUDA the allocator is held to the predicted peak. That makes the prediction a promise
    to whatever else runs on the card, and it makes cuDNN choose among the algorithms whose
    workspace fits: left alone on an 80 GB card, 256x256 cells made it take 65 GiB for one
    convolution; held to 2 GiB it was as fast (measured on an H100, torch 2.11).

    Raises:
        LaunchError: the device is not there.

    """
    there = torch.cuda.is_available()
    if config.device == "cuda" and not there:
        raise LaunchError(
            "torch sees no usable CUDA device",
            hint="Run `qca doctor`, or train with --device cpu.",
        )
    if config.device == "cpu" or not there:
        return torch.device("cpu")
    device = torch.device("cuda", torch.cuda.current_device())
    # Convolutions would otherwise round to TF32, which is not what `fp32` promises.
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # pyright: ignore[reportAttributeAccessIssue]
    if predicted_peak_bytes is not None:
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, predicted_peak_bytes / total), device)
    return device
