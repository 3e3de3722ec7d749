"""Train safely in half precision: keep some values in 32 bits, and skip steps that overflow.

During an episode the network's weights and activations have 16 bits. The following stay in 32 bits:
the master weights, their gradients (each step's contribution is added immediately, because a sum
over 500 steps in bfloat16, with its 8 significant bits, would stop growing), AdamW's moments, the
state between two steps, and its norm.

The smallest positive float16 is 6e-8, so the loss is scaled up and the gradients are scaled down
again (Micikevicius and others 2018, arXiv 1710.03740, section 3.2).
"""

# torch's annotations are incomplete.
# pyright: reportUnknownMemberType=false
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from qca.model.unet import UNetUnitary

HALF: dict[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}

# The initial scale and backoff of torch.amp.GradScaler. GradScaler grows after 2000 steps without
# overflow, but here one optimizer step is a whole episode, and a run has about 2000 of them.
_FIRST_SCALE, _BACK_OFF, _GROWTH, _GROWS_AFTER = 2.0**16, 0.5, 2.0, 100
_LARGEST_SCALE = 2.0**24


class HalfModel(nn.Module):
    """A 16-bit copy of a model that adds its gradients to the original's.

    It maps float32 to float32, as the original does. Call `refresh` whenever the original's weights
    have changed.
    """

    def __init__(self, original: UNetUnitary, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype
        self.originals = list(original.parameters())
        self.copy = UNetUnitary(original.d_state, original.hidden_channels)
        for parameter, learned in zip(self.copy.parameters(), self.originals, strict=True):
            parameter.data = learned.detach().to(dtype)  # keeps the device and the layout
            parameter.register_post_accumulate_grad_hook(partial(_pass_gradient_on, learned))

    def forward(self, x: Tensor) -> Tensor:
        """Run the 16-bit copy on float32 input."""
        return self.copy(x.to(self._dtype)).float()

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy the original's weights."""
        for parameter, learned in zip(self.copy.parameters(), self.originals, strict=True):
            parameter.copy_(learned)


def _pass_gradient_on(learned: Tensor, parameter: Tensor) -> None:
    """Add a 16-bit parameter's gradient to the 32-bit original's, and clear it."""
    assert parameter.grad is not None
    if learned.grad is None:
        learned.grad = parameter.grad.float()
    else:
        learned.grad.add_(parameter.grad)
    parameter.grad = None


@dataclass(frozen=True)
class LossScale:
    """The loss scale for float16, and its adjustment after overflows."""

    factor: float = _FIRST_SCALE
    clean: int = 0
    """Episodes without overflow since the last change."""

    def advance(self, finite: bool) -> "LossScale":
        """Return the scale for the next episode."""
        if not finite:
            return LossScale(max(1.0, self.factor * _BACK_OFF))
        if self.clean + 1 < _GROWS_AFTER:
            return LossScale(self.factor, self.clean + 1)
        return LossScale(min(_LARGEST_SCALE, self.factor * _GROWTH))
