"""AdamW for a model's weights, and its state in a checkpoint.

The step is torch's function `adamw`. The class `torch.optim.AdamW` calls the same function, but
first loads torch's compiler, which is unused here and takes longer to load than a small run takes
to finish.
"""

# torch's annotations are incomplete.
# pyright: reportUnknownMemberType=false
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from qca.core.config import TrainConfig
from qca.model.unet import UNetUnitary
from qca.train.offload import HostCopy

# torch's defaults, as in Loshchilov and Hutter 2019 (arXiv 1711.05101).
BETAS = (0.9, 0.999)
EPSILON = 1e-8


@dataclass(frozen=True)
class Moments:
    """AdamW's state for one parameter; the fields are named as in a checkpoint."""

    step: Tensor
    """The number of steps, a float32 scalar on the parameter's device."""
    exp_avg: Tensor
    exp_avg_sq: Tensor

    @classmethod
    def zeros_like(cls, parameter: nn.Parameter) -> "Moments":
        """Return the state before the first step."""
        step = torch.zeros((), dtype=torch.float32, device=parameter.device)
        return cls(step, torch.zeros_like(parameter), torch.zeros_like(parameter))


class Optimizer:
    """Updates a model's weights, on its device or, if so configured, on the host.

    Args:
        model: the model, on its device and in its final memory format.
        config: provides `optimizer_state`, `learning_rate` and `weight_decay`.

    """

    def __init__(self, model: UNetUnitary, config: TrainConfig) -> None:
        self._names = [name for name, _ in model.named_parameters()]
        self._host = HostCopy(model.parameters()) if config.optimizer_state == "host" else None
        self._parameters = self._host.parameters if self._host else list(model.parameters())
        self._weight_decay = config.weight_decay
        self._moments: dict[str, Moments] = {}

    def step(self, learning_rate: float) -> None:
        """Update the parameters with their gradients."""
        if self._host:
            self._host.copy_gradients()
        self._update_parameters(learning_rate)
        if self._host:
            self._host.copy_weights_back()

    @torch.no_grad()
    def _update_parameters(self, learning_rate: float) -> None:
        for name, parameter in zip(self._names, self._parameters, strict=True):
            if name not in self._moments:
                self._moments[name] = Moments.zeros_like(parameter)
        moments = [self._moments[name] for name in self._names]
        adamw(
            list(self._parameters),
            [p.grad for p in self._parameters if p.grad is not None],
            [moment.exp_avg for moment in moments],
            [moment.exp_avg_sq for moment in moments],
            [],  # the maxima that only amsgrad needs
            [moment.step for moment in moments],
            # The fused kernel works in place: it allocates no temporary tensors, even on a CPU.
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=learning_rate,
            weight_decay=self._weight_decay,
            eps=EPSILON,
            maximize=False,
        )

    def reload_weights(self) -> None:
        """Copy the newly replaced weights of the model to the host, if AdamW runs there."""
        if self._host:
            self._host.copy_weights()

    def state_tensors(self) -> dict[str, Tensor]:
        """Return AdamW's tensors, named after the parameters, such as `exp_avg.NAME`."""
        return {
            f"{key}.{name}": value
            for name in self._names
            if name in self._moments
            for key, value in vars(self._moments[name]).items()
        }

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Load the result of `state_tensors`; a parameter not in it starts with zero moments."""
        self._moments = {
            name: Moments(
                step=tensors[f"step.{name}"].to(parameter.device),
                exp_avg=_copy_in_layout(parameter, tensors[f"exp_avg.{name}"]),
                exp_avg_sq=_copy_in_layout(parameter, tensors[f"exp_avg_sq.{name}"]),
            )
            for name, parameter in zip(self._names, self._parameters, strict=True)
            if f"step.{name}" in tensors
        }

    def release(self) -> None:
        """Free every tensor; this optimizer must not be used again."""
        self._moments.clear()
        self._parameters.clear()
        self._host = None


def _copy_in_layout(parameter: nn.Parameter, moment: Tensor) -> Tensor:
    """Return a copy on the parameter's device and in its memory format, as the kernel requires."""
    return torch.empty_like(parameter).copy_(moment)
