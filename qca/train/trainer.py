"""Train in memory: run episodes with a model, an optimizer and a schedule, and save the state."""

# torch's annotations are incomplete.
# pyright: reportUnknownMemberType=false
import gc
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import NamedTuple, cast

import torch
from torch import Tensor

from qca.core.config import GRADIENT_NORM_LIMIT, TENSOR_CORE_PRECISIONS, TrainConfig
from qca.core.errors import QcaError
from qca.core.noise_schedule import compute_noise_rate, has_noise
from qca.memory.activations import find_segment, find_tapes
from qca.model.evolution import Evolution
from qca.model.initial_state import draw_initial_state
from qca.model.kernels import find_obstacle
from qca.model.losses import make_loss
from qca.model.noise import Noise
from qca.train.checkpoint import MODEL, OPTIMIZER, Checkpoint
from qca.train.conv_trials import are_worthwhile
from qca.train.distributed.ranks import Ranks
from qca.train.episode import Episode, OnStep, Outcome, adjoint_episode
from qca.train.optimizer import Optimizer
from qca.train.plateau import Plateau
from qca.train.precision import HALF, HalfModel, LossScale
from qca.train.state_store import StateStore, make_state_store
from qca.train.step_result import SkippedStep, StepResult, find_nonfinite
from qca.train.step_runner import EagerRunner, GraphRunner, StepRunner
from qca.train.weights import build_model, require_loadable

# This many non-finite episodes in a row mean that training has diverged. Episodes after which
# float16 lowers its loss scale do not count.
SKIPS_IN_A_ROW = 3


class RunnerNotes(NamedTuple):
    """What is unusual about how the steps are run."""

    eager_because: str | None = None
    """The reason why CUDA graphs are not used on a GPU."""
    trial_seconds: float | None = None
    """Seconds spent choosing cuDNN's algorithms; None without trials."""


class Trainer:
    """The state of training in memory.

    `episodes` counts the finished episodes, `skipped` those without an optimizer step.

    Args:
        config: the configuration; any value that is still "auto" means fp32 for precision, one
            step's graph for recompute, and the device for optimizer_state.
        device: the device to compute on.
        ranks: the processes that train this model together; each has its own batch.

    """

    def __init__(
        self, config: TrainConfig, device: torch.device, ranks: Ranks | None = None
    ) -> None:
        self.config = config
        self.device = device
        self.ranks = ranks or Ranks()
        self.episodes = self.skipped = 0
        self.plateau = Plateau()
        self.loss_scale = LossScale()
        self.loss = make_loss(config.loss)
        self.model = build_model(config).to(device)
        layout = _choose_memory_format(config, device)
        self.model.to(memory_format=layout)  # pyright: ignore[reportCallIssue] # torch's stub
        half = HALF.get(config.precision)
        self._half = HalfModel(self.model, half) if half else None
        self.evolution = Evolution(self._half or self.model, config.gamma, config.update)
        self.optimizer = Optimizer(self.model, config)
        self.unfused_because = find_obstacle(device) if device.type == "cuda" else None
        """The reason why `qca.model.kernels` are not used on a GPU."""
        self.runner_notes: RunnerNotes | None = None
        """How the steps are run; None before the first episode."""
        self._states: StateStore | None = None
        self._runner: StepRunner | None = None
        self._skips_in_a_row = 0

    def compute_gradients(self, on_step: OnStep) -> Outcome:
        """Run the next episode, and leave its gradients, times `gradient_scale`, in `.grad`.

        The optimizer does not step yet, and no other process is involved: if this raises (in
        `on_step` or an allocator), the same episode can be run again.
        """
        config, samples = self.config, self._next_samples()
        rate = compute_noise_rate(config.max_noise, self.episodes)
        psi = draw_initial_state(config.seed, samples, d_state=config.d_state, grid=config.grid)
        psi = psi.to(self.device)
        episode = self._prepare_episode(psi)
        return episode(
            self.evolution,
            psi,
            steps=config.steps,
            loss=self.loss,
            noise=Noise(config.seed, samples, rate).draw_factor,
            on_step=on_step,
            scale=self.gradient_scale,
        )

    def apply_gradients(self, outcome: Outcome) -> StepResult | SkippedStep:
        """Step the optimizer, or skip and count an episode that is not finite; return its result.

        Raises:
            QcaError: several consecutive episodes were not finite.

        """
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        self.ranks.average(gradients)
        if self.gradient_scale != 1:
            for gradient in gradients:
                gradient.mul_(1 / self.gradient_scale)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM_LIMIT)
        result = self._read_numbers(outcome, norm)
        because = find_nonfinite(result)
        if because is None:
            self._step(result)
        else:
            self._skip(because)
        if self.config.precision == "fp16":
            self.loss_scale = self.loss_scale.advance(because is None)
        self.episodes += 1
        return result if because is None else SkippedStep(because)

    def make_checkpoint(self) -> Checkpoint:
        """Return the current state of training, with its tensors on the CPU."""
        tensors = {
            **{MODEL + name: value for name, value in self.model.state_dict().items()},
            **{OPTIMIZER + name: value for name, value in self.optimizer.state_tensors().items()},
        }
        return Checkpoint(
            episode=self.episodes,
            tensors={name: value.detach().cpu().contiguous() for name, value in tensors.items()},
            plateau=self.plateau,
            loss_scale=self.loss_scale,
            skipped=self.skipped,
            processes=self.ranks.size,
            config=asdict(self.config),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint of the same configuration.

        Raises:
            CheckpointError: the weights belong to another architecture.

        """
        self.load_weights(checkpoint.select(MODEL))
        self.optimizer.load_state_tensors(checkpoint.select(OPTIMIZER))
        self.episodes, self.skipped = checkpoint.episode, checkpoint.skipped
        self.plateau, self.loss_scale = checkpoint.plateau, checkpoint.loss_scale
        if checkpoint.config.get("loss", self.config.loss) != self.config.loss:
            self.plateau = self.plateau.forget_best()

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load weights by their state-dict names, to start training from them.

        Raises:
            CheckpointError: they belong to another architecture (the message names the first shape
                that differs), or are not finite.

        """
        require_loadable(weights, self.model.state_dict())
        self.model.load_state_dict(weights)
        self.optimizer.reload_weights()
        if self._half:
            self._half.refresh()

    def release(self) -> None:
        """Free all device memory; this trainer must not be used again."""
        self._states = self._runner = self._half = None
        for parameter in self.model.parameters():
            parameter.grad = None
        del self.model, self.evolution
        self.optimizer.release()
        gc.collect()  # an exception's traceback creates cycles
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @property
    def tapes(self) -> int:
        """How many of an episode's last steps are not recomputed."""
        recompute = "step" if self.config.recompute == "auto" else self.config.recompute
        return find_tapes(self.config, recompute)

    @property
    def gradient_scale(self) -> float:
        """The factor in the gradients that `compute_gradients` leaves; 1 except in fp16."""
        return self.loss_scale.factor if self.config.precision == "fp16" else 1.0

    def _next_samples(self) -> range:
        """Return the global indices of this process's samples in the next episode."""
        batch = self.config.batch_size
        first = (self.episodes * self.ranks.size + self.ranks.rank) * batch
        return range(first, first + batch)

    def _prepare_episode(self, psi: Tensor) -> Episode:
        """Return the episode function of this recompute strategy, after clearing the gradients."""
        config = self.config
        if self._states is None:
            self._states = make_state_store(config.recompute, config.steps - self.tapes, psi)
        if self._runner is None:
            self._runner, self.runner_notes = self._make_runner(psi)
        self._runner.refresh()
        # A captured graph adds to the gradients in place.
        self.model.zero_grad(set_to_none=isinstance(self._runner, EagerRunner))
        return partial(adjoint_episode, states=self._states, runner=self._runner, tapes=self.tapes)

    def _make_runner(self, psi: Tensor) -> tuple[StepRunner, RunnerNotes]:
        """Return a runner with captured CUDA graphs if a GPU allows it, otherwise an eager one."""
        segment = find_segment(self.config)
        if self.device.type != "cuda":
            return EagerRunner(self.evolution, segment), RunnerNotes()
        for parameter in self.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        try:
            noise = has_noise(self.config.max_noise)
            trials = are_worthwhile(self.config, fused=self.unfused_because is None)
            runner = GraphRunner(
                self.evolution,
                psi,
                segment,
                tapes=-(-self.tapes // segment),
                noise=noise,
                trials=trials,
            )
        except torch.OutOfMemoryError:
            raise
        # an old card or driver, or an operation that cannot be captured
        except RuntimeError as error:
            notes = RunnerNotes(eager_because=str(error).splitlines()[0])
            return EagerRunner(self.evolution, segment), notes
        return runner, RunnerNotes(trial_seconds=runner.trial_seconds)

    def _read_numbers(self, outcome: Outcome, norm: Tensor) -> StepResult:
        """Return the episode's numbers, averaged over the ranks.

        One transfer copies all of them from the device.
        """
        terms = outcome.terms
        numbers = torch.stack([outcome.loss, outcome.energy, *terms.values()])
        self.ranks.average([numbers])
        loss, energy, *values = cast(list[float], numbers.tolist())
        return StepResult(
            loss=loss,
            components=dict(zip(terms, values, strict=True)),
            energy=energy,
            noise_rate=compute_noise_rate(self.config.max_noise, self.episodes),
            learning_rate=self.plateau.decay(self.config.learning_rate),
            gradient_norm=norm.item(),
        )

    def _step(self, result: StepResult) -> None:
        self.optimizer.step(result.learning_rate)
        if self._half:
            self._half.refresh()
        self.plateau = self.plateau.advance(result.loss)
        self._skips_in_a_row = 0

    def _skip(self, because: str) -> None:
        self.skipped += 1
        if self.gradient_scale == 1:
            self._skips_in_a_row += 1
        if self._skips_in_a_row == SKIPS_IN_A_ROW:
            raise QcaError(
                f"episode {self.episodes + 1}: {because}, as in the "
                f"{SKIPS_IN_A_ROW - 1} episodes before; training has diverged",
                hint="These episodes did not change the weights. Resume from the last checkpoint "
                "with "
                "--resume and a smaller learning rate.",
            )


def _choose_memory_format(config: TrainConfig, device: torch.device) -> torch.memory_format:
    """Return the weights' memory format: channels last if tensor cores are used.

    Tensor cores read that layout, and cuDNN would copy operands with any other layout into it. With
    it, an episode takes 0.88 times as long in TF32 and bfloat16. Strict float32, which does not use
    tensor cores, would take 1.04 times as long and need more scratch memory (H100, torch 2.11, the
    full model).
    """
    tensor_cores = device.type == "cuda" and config.precision in TENSOR_CORE_PRECISIONS
    return torch.channels_last if tensor_cores else torch.contiguous_format
