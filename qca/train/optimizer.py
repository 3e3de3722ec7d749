"""AdamW over a model's weights, and its state in a checkpoint."""

# torch's annotations are incomplete.
# pyright: reportUnknownMemberType=false
from collections.abc import Mapping

import torch
from torch import Tensor

from qca.core.config import TrainConfig
from qca.model.unet import UNetUnitary
from qca.train.offload import HostCopy


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
        # `fused` works in place and allocates only its moments, even on a CPU.
        self._adamw = torch.optim.AdamW(
            self._parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )

    def step(self, learning_rate: float) -> None:
        """Update the parameters with their gradients."""
        for group in self._adamw.param_groups:
            group["lr"] = learning_rate
        if self._host:
            self._host.copy_gradients()
        self._adamw.step()
        if self._host:
            self._host.copy_weights_back()

    def reload_weights(self) -> None:
        """Copy the model's weights after they were replaced."""
        if self._host:
            self._host.copy_weights()

    def state_tensors(self) -> dict[str, Tensor]:
        """Return AdamW's tensors, named after the parameters, such as `exp_avg.NAME`."""
        return {
            f"{key}.{name}": value
            for name, parameter in zip(self._names, self._parameters, strict=True)
            for key, value in self._adamw.state.get(parameter, {}).items()
        }

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Load the result of `state_tensors`; a parameter not in it starts with zero moments."""
        state = {}
        for number, (name, parameter) in enumerate(zip(self._names, self._parameters, strict=True)):
            found = {
                key.removesuffix(f".{name}"): _copy_in_layout(parameter, value)
                for key, value in tensors.items()
                if key.partition(".")[2] == name
            }
            if found:
                state[number] = found
        groups = self._adamw.state_dict()["param_groups"]
        self._adamw.load_state_dict({"state": state, "param_groups": groups})

    def release(self) -> None:
        """Free every tensor; this optimizer must not be used again."""
        self._adamw.state.clear()
        self._adamw.param_groups.clear()
        self._parameters.clear()
        self._host = None


def _copy_in_layout(parameter: Tensor, value: Tensor) -> Tensor:
    """Return a CPU copy of a moment in its parameter's memory format, as AdamW's kernel needs."""
    if value.shape != parameter.shape:
        return value  # the step counter
    return torch.empty_like(parameter, dtype=value.dtype, device="cpu").copy_(value)
