"""The optimizer in host memory: AdamW's moments, and its work, where there is room for them.

The moments are twice the weights, 213 MiB for the whole model, and are used once an
episode. On the host they cost the GPU nothing but a copy of the gradients there and of the
weights back.
"""

from collections.abc import Iterable

import torch
from torch import nn


class HostCopy:
    """The parameters that an optimizer in host memory works on."""

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
        """Copy the weights to the device, and let go of the gradients here."""
        for host, device in zip(self.parameters, self._on_device, strict=True):
            device.copy_(host)
            host.grad = None
