"""The automaton: a trained network with its update rule, and the states that it goes through."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

import torch

from qca.automaton.load import Saved, read_saved
from qca.automaton.memory import require_memory
from qca.automaton.start import check_grid, has_own_grid, make_start
from qca.automaton.stepper import DrawFactor, iterate_steps, make_stepper
from qca.core.config import Device, TrainConfig
from qca.core.errors import InputError
from qca.measures.state import ComplexArray, State
from qca.memory.layers import Shape
from qca.model.evolution import Evolution, Step, compute_squared_norm
from qca.model.noise import Noise
from qca.model.unet import UNetUnitary
from qca.train.device import prepare_device
from qca.train.request import StopFlag
from qca.train.weights import build_model, require_loadable

# States that are copied from a GPU together: it then waits for the host once, not for each.
CHUNK = 16


class Automaton:
    """A trained automaton on a device; computed in float32 whatever it was trained in.

    Attributes:
        name: of the run.
        config: what it was trained with, `qca.core.config.TrainConfig`.
        episode: whole episodes trained; None if it is not known, 0 if untrained.
        folder: the run folder; None where it came from a file.
        evolution: one step, psi -> psi on complex64 (B, d_state, H, W), as a torch module.
        device: the torch.device that it is computed on.

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
        """Load a trained automaton, see `load`."""
        saved = read_saved(what, Path(runs))
        model = build_model(saved.config)
        require_loadable(saved.weights, model.state_dict())
        model.load_state_dict(saved.weights)
        return cls(saved, model, _prepare(saved.config, device))

    def make_untrained(self) -> "Automaton":
        """Return it with the weights that its seed draws, before any training."""
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
        if grid is not None:  # before a state is drawn, which alone may be too large
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
        """Yield the start, each `every`-th of `steps` states after it, and the last; on the host.

        The network is fully convolutional and runs on any grid. GroupNorm's statistics span the
        grid, though, so that every cell weakly feels every other, and the size of the grid too.

        Args:
            steps: steps to make.
            grid: cells a side, a multiple of 4; the training's if not given.
            seed: of the start and the noise; the training's if not given.
            noise: rate of the noise, 0 to 1, as `max_noise` in a training.
            start: `random`, `seed-cell`, an installed package's initial state; cells of your
                own, complex64 (d_state, H, W); or a file: a trajectory of `qca rollout`, whose
                last state is taken, or a .npy array.
            every: steps between two states that are yielded.
            stop: ends the rollout with the step in which it is set, as with `threading.Event`.

        Raises:
            InputError: an argument is not possible.
            PlanError: the device has too little memory free.

        """
        if steps < 0 or every < 1:
            raise InputError(
                f"cannot make {steps} steps and yield every {every}th state",
                hint="Give 0 steps or more, and 1 or more between two states.",
            )
        if not 0 <= noise <= 1:
            raise InputError(f"noise is {noise}", hint="Give a rate from 0 to 1.")
        psi = torch.from_numpy(self.make_start(start, grid=grid, seed=seed)).unsqueeze(0)
        chunk = CHUNK if self._device_kind == "cuda" else 1
        self.require_memory(max(psi.shape[2:]), held_states=chunk)
        draw = None
        if noise:
            draw = Noise(self.config.seed if seed is None else seed, range(1), noise).draw_factor
        return self._iterate(psi, steps, every, chunk, draw, stop)

    def require_memory(self, grid: int, *, batch_size: int = 1, held_states: int = 1) -> None:
        """Refuse a grid for which the device has too little memory free.

        Raises:
            PlanError: with what it needs and what there is.

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
        what: a run's name below `runs`, its folder, a checkpoint, or a file of `qca export`.
        runs: the folder of the run folders.
        device: `cpu`, `cuda`, or `auto`: a usable GPU.

    Raises:
        QcaError: with what is wrong and what to do.

    """
    return Automaton.load(what, runs=runs, device=device)


def _copy_to_host(waiting: list[tuple[int, Step]]) -> Iterator[State]:
    """Yield states, which the device hands over together."""
    if not waiting:
        return
    psi = torch.cat([step.psi for _, step in waiting]).cpu().numpy()
    norms = torch.cat([step.squared_norm for _, step in waiting]).cpu().numpy()
    for place, (number, _) in enumerate(waiting):
        yield State(number, psi[place], norms[place])


def _prepare(config: TrainConfig, device: Device) -> torch.device:
    return prepare_device(config.override(device=device, precision="fp32"), None)
