"""The automaton: a trained network with its update rule, and its rollouts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self, get_args

import torch

from qca.automaton.load import Saved, read_saved
from qca.automaton.memory import require_memory
from qca.automaton.start import check_grid, has_own_grid, make_start
from qca.automaton.stepper import iterate_steps, make_stepper
from qca.core.config import Device, TrainConfig
from qca.core.errors import InputError
from qca.measures.state import ComplexArray, State
from qca.memory.layers import Shape
from qca.model.evolution import Evolution, Step, compute_squared_norm
from qca.model.noise import DrawFactor, Noise
from qca.model.unet import UNetUnitary
from qca.train.device import prepare_device
from qca.train.request import StopFlag
from qca.train.weights import build_model, require_loadable

# Number of states to copy from a GPU at once, so that it waits for the host only once.
CHUNK = 16


class Automaton:
    """A trained automaton on a device. It computes in float32, even if it was trained in another
    format.

    Attributes:
        name: name of the run.
        config: the configuration it was trained with, `qca.core.config.TrainConfig`.
        episode: number of complete episodes trained; None if unknown, 0 if untrained.
        folder: the run folder; None if it was loaded from a file.
        evolution: one step, psi -> psi on complex64 (B, d_state, H, W), as a torch module.
        device: the torch.device that it runs on.

    """

    def __init__(self, saved: Saved, model: UNetUnitary, device: torch.device) -> None:
        self.name = saved.name
        self.config: TrainConfig = saved.config
        self.episode = saved.episode
        self.folder = saved.folder
        self.damaged = saved.damaged
        self.device = device
        model = model.to(device).eval().requires_grad_(False)
        self.evolution = Evolution(model, saved.config.gamma, saved.config.update)

    @classmethod
    def load(cls, what: str | Path, *, runs: str | Path = "runs", device: Device = "auto") -> Self:
        """Load a trained automaton; see `load`."""
        _require_known(device)
        saved = read_saved(what, Path(runs))
        model = build_model(saved.config)
        require_loadable(saved.weights, model.state_dict())
        model.load_state_dict(saved.weights)
        return cls(saved, model, _prepare(saved.config, device))

    def make_untrained(self) -> "Automaton":
        """Return the same automaton with the initial weights of its seed."""
        saved = Saved(f"{self.name} untrained", self.config, {}, 0, None)
        return Automaton(saved, build_model(self.config), self.device)

    def make_start(
        self,
        start: str | Path | ComplexArray = "random",
        *,
        grid: int | None = None,
        seed: int | None = None,
    ) -> ComplexArray:
        """Return the cells to start from, complex64 (d_state, H, W); see `rollout`."""
        if grid is None and not has_own_grid(start):
            grid = self.config.grid
        if grid is not None:  # check before drawing a state, which may itself be too large
            check_grid(grid)
            self.require_memory(grid)
        seed = self.config.seed if seed is None else seed
        return make_start(start, seed=seed, d_state=self.config.d_state, grid=grid)

    def rollout(
        self,
        steps: int,
        *,
        grid: int | None = None,
        seed: int | None = None,
        noise: float = 0.0,
        start: str | Path | ComplexArray = "random",
        every: int = 1,
        stop: StopFlag | None = None,
    ) -> Iterator[State]:
        """Yield states on the host: the start, then each `every`-th of `steps` steps, and the last.

        The network is fully convolutional and runs on any grid. However, GroupNorm's statistics
        span the grid, so each cell depends weakly on all other cells and on the size of the grid.

        Args:
            steps: number of steps.
            grid: cells per side, a multiple of 4; by default the grid of the training run.
            seed: seed of the start and the noise; by default the seed of the training run.
            noise: rate of the noise, 0 to 1, like `max_noise` in training.
            start: `random`, `seed-cell` or an installed package's initial state; your own cells,
                complex64 (d_state, H, W); or a file: a .npy array, or a trajectory of `qca
                rollout`, from whose last state this rollout continues.
            every: steps between two yielded states.
            stop: an event, such as `threading.Event`, that ends the rollout after the current step.

        Raises:
            InputError: an argument is invalid.
            PlanError: the device has too little free memory.

        """
        if steps < 0 or every < 1:
            raise InputError(
                f"steps is {steps} and every is {every}",
                hint="Set steps to 0 or more, and every to 1 or more.",
            )
        if not 0 <= noise <= 1:
            raise InputError(f"noise is {noise}", hint="Give a rate from 0 to 1.")
        psi = torch.as_tensor(self.make_start(start, grid=grid, seed=seed)).unsqueeze(0)
        chunk = CHUNK if self._device_kind == "cuda" else 1
        self.require_memory(max(psi.shape[2:]), held_states=chunk)
        draw = None
        if noise:
            draw = Noise(self.config.seed if seed is None else seed, range(1), noise).draw_factor
        return self._iterate(psi, steps, every, chunk, draw, stop)

    def require_memory(self, grid: int, *, batch_size: int = 1, held_states: int = 1) -> None:
        """Refuse a grid for which the device has too little free memory.

        Raises:
            PlanError: it needs more memory than is free; the message names both amounts.

        """
        shape = Shape(grid, self.config.d_state, self.config.hidden_channels, batch_size)
        require_memory(shape, self.config, self._device_kind, held_states)

    @property
    def _device_kind(self) -> Literal["cpu", "cuda"]:
        return "cuda" if self.device.type == "cuda" else "cpu"

    def _iterate(
        self,
        psi: torch.Tensor,
        steps: int,
        every: int,
        chunk: int,
        draw: DrawFactor | None,
        stop: StopFlag | None,
    ) -> Iterator[State]:
        psi = psi.to(self.device)
        waiting = [(0, Step(psi, compute_squared_norm(psi).squeeze(1)))]
        stepper = make_stepper(self.evolution, psi)
        taken = iterate_steps(stepper, psi, steps, draw_factor=draw)
        for number, step in enumerate(taken, start=1):
            is_last = number == steps or (stop is not None and stop.is_set())
            if number % every == 0 or is_last:
                waiting.append((number, step))
            if len(waiting) >= chunk:
                yield from _copy_to_host(waiting)
                waiting = []
            if is_last:
                break
        yield from _copy_to_host(waiting)


def load(what: str | Path, *, runs: str | Path = "runs", device: Device = "auto") -> Automaton:
    """Load a trained automaton.

    Args:
        what: the name of a run in `runs`, its folder, a checkpoint, or a .safetensors or .pth file
            of `qca export`.
        runs: the folder with the run folders.
        device: `cpu`, `cuda`, or `auto`: a usable GPU, otherwise the CPU.

    Raises:
        QcaError: it cannot be loaded; the message and the hint say why and what to do.

    """
    return Automaton.load(what, runs=runs, device=device)


def _copy_to_host(waiting: list[tuple[int, Step]]) -> Iterator[State]:
    """Copy the states from the device in one transfer, and yield them."""
    if not waiting:
        return
    psi = torch.cat([step.psi for _, step in waiting]).cpu().numpy()
    norms = torch.cat([step.squared_norm for _, step in waiting]).cpu().numpy()
    for place, (number, _) in enumerate(waiting):
        yield State(number, psi[place], norms[place])


def _require_known(device: str) -> None:
    """Refuse a device that only Python code can name; any other would compute on the CPU."""
    if device not in (known := get_args(Device)):
        message = f"device {device!r} is not one of {', '.join(known)}"
        raise InputError(message, hint="The default, auto, uses a GPU if one is usable.")


def _prepare(config: TrainConfig, device: Device) -> torch.device:
    return prepare_device(config.override(device=device, precision="fp32"), None)
