"""Keep AdamW's moments in host memory, and run AdamW's step there.

The moments take 213 MiB for the full model, twice the memory of the weights, and are used once per
episode. If they are on the host, the GPU only has to copy the gradients there and the weights back.
"""

from collections.abc import Iterable

import torch
from torch import nn


class HostCopy:
    """Copies of the parameters for an optimizer in host memory."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self._on_device = list(parameters)
        self.parameters = [nn.Parameter(torch.empty_like(p, device="cpu")) for p in self._on_device]
        self.copy_weights()

    @torch.no_grad()
    def copy_weights(self) -> None:
        """Copy the weights from the device."""
        for host, device in zip(self.parameters, self._on_device, strict=True):
            host.copy_(device)

    def copy_gradients(self) -> None:
        """Copy the gradients from the device."""
        for host, device in zip(self.parameters, self._on_device, strict=True):
            assert device.grad is not None
            host.grad = device.grad.to("cpu", copy=True)

    @torch.no_grad()
    def copy_weights_back(self) -> None:
        """Copy the weights to the device, and free the gradients on the host."""
        for host, device in zip(self.parameters, self._on_device, strict=True):
            device.copy_(host)
            host.grad = None
