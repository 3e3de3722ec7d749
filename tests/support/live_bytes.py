"""Measure the peak by running the real episode on fake tensors and counting bytes.

Fake tensors have shapes and storages but no memory, so a laptop can measure an episode of 27 GiB.
PyTorch's `MemTracker` refuses modules that are called more than once per iteration, as an
automaton's network always is; `LiveBytes` instead counts all storages by weak references.
"""

# torch's annotations are incomplete.
# pyright: reportUnknownMemberType=false
import weakref
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from qca.core.config import TrainConfig
from qca.core.noise_schedule import has_noise
from qca.model.evolution import Evolution
from qca.model.losses import make_loss
from qca.model.unet import UNetUnitary


class LiveBytes(TorchDispatchMode):
    """Counts the current and peak bytes of all storages created while it is active.

    A storage counts from the operation that creates it until its last tensor is freed, including
    autograd's saved tensors; a view adds nothing. Memory that a kernel allocates and frees within
    one operation is not counted. Use it inside a `FakeTensorMode`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = 0
        self.peak = 0
        self._sizes: dict[int, tuple[weakref.ref[Any], int]] = {}

    def restart_peak(self) -> None:
        """Reset the peak to the bytes that are alive now."""
        self.peak = self.live

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._sizes:
            return
        self._sizes[key] = (weakref.ref(storage, lambda _: self._forget(key)), size)
        self.live += size
        self.peak = max(self.peak, self.live)

    def _forget(self, key: int) -> None:
        _, size = self._sizes.pop(key)
        self.live -= size


def measure_peak(
    train: TrainConfig,
    episode: Callable[..., Any],
    *,
    device: Literal["cpu", "cuda"] = "cpu",
    compute: Callable[[UNetUnitary], nn.Module] = lambda model: model,
    states: Callable[[Tensor], Any] | None = None,
    runner: Callable[[Evolution], Any] | None = None,
) -> int:
    """Return the peak number of bytes alive while `train` runs on fake tensors.

    Runs one iteration with an existing optimizer state, as in all but the first iteration. Fake
    tensors have no device. For "cuda", host memory is not counted, and with a state store the
    gradients keep their addresses, as a captured graph requires.

    Args:
        train: the sizes.
        episode: the function to measure, from `qca.train.episode`.
        device: the device whose memory is counted.
        compute: a function that wraps the model, for example in a half-precision copy.
        states: a function that returns a state store for states like its argument.
        runner: a function that returns a step runner for an evolution (`qca.train.step_runner`).

    """
    options: dict[str, Any] = {}
    shape = (train.batch_size, train.d_state, train.grid, train.grid)
    with FakeTensorMode(), LiveBytes() as live:
        if states is not None:
            like = torch.empty(shape, dtype=torch.complex64)
            options["states"] = states(like)
            del like
        outside = live.live if device == "cuda" else 0
        model = UNetUnitary(train.d_state, train.hidden_channels)
        evolution = Evolution(compute(model), train.gamma, train.update)
        if runner is not None:
            options["runner"] = runner(evolution)
        optimizer = _add_optimizer_state(torch.optim.AdamW(model.parameters(), fused=True))
        psi = torch.empty(shape, dtype=torch.complex64)
        noise = _allocate_factor if has_noise(train.max_noise) else _draw_no_noise
        loss = make_loss(train.loss)
        if device == "cuda" and states is not None:
            for parameter in model.parameters():
                parameter.grad = torch.zeros_like(parameter)
        live.restart_peak()
        episode(evolution, psi, steps=train.steps, loss=loss, noise=noise, **options)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return live.peak - outside


def _add_optimizer_state(optimizer: torch.optim.AdamW) -> torch.optim.AdamW:
    """Create the optimizer state that the first step would create."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter] = {
                "step": torch.tensor(0.0),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
    return optimizer


def _allocate_factor(psi: Tensor, step: int) -> Tensor:
    """Return an empty factor of the size that `qca.model.noise.Noise` draws."""
    return torch.empty_like(psi)


def _draw_no_noise(psi: Tensor, step: int) -> None:
    pass
