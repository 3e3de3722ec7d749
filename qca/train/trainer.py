"""Model, optimizer and schedule as one thing that makes episodes and can be saved."""

import gc
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from qca.core.config import GRADIENT_NORM_LIMIT, TrainConfig
from qca.core.errors import CheckpointError, QcaError
from qca.core.noise_schedule import noise_rate
from qca.model.evolution import Evolution
from qca.model.initial_state import draw_initial_state
from qca.model.losses import LOSSES
from qca.model.noise import Noise
from qca.model.random_streams import Purpose, make_generator
from qca.model.unet import UNetUnitary
from qca.train.checkpoint import Checkpoint
from qca.train.distributed.ranks import Ranks
from qca.train.episode import Between, NoiseFactor, Outcome, adjoint_episode, plain_episode
from qca.train.offload import HostCopy
from qca.train.plateau import Plateau
from qca.train.precision import HALF, HalfModel, LossScale
from qca.train.state_store import EveryKth, InHost, OnDevice, States, host_buffer
from qca.train.step_runner import EagerSteps, GraphedSteps, Steps

# So many episodes in a row that are not finite are no accident any more. Under float16 the
# loss scale is lowered first, and those do not count.
SKIPS_IN_A_ROW = 3

_MODEL, _OPTIMIZER = "model.", "optimizer."


@dataclass(frozen=True)
class Learned:
    """What one episode gave, as plain finite numbers."""

    loss: float
    components: dict[str, float]
    energy: float
    noise_rate: float
    learning_rate: float
    gradient_norm: float


@dataclass(frozen=True)
class NotLearned:
    """Why nothing was learned from an episode."""

    because: str


class Trainer:
    """A training in memory. `episodes` counts the whole ones made, `skipped` those in vain.

    Args:
        config: with precision, recompute and optimizer_state resolved; an "auto" that is
            left means fp32, one step's graph, and the device.
        device: where to compute.
        ranks: the processes that train this model together; `batch_size` is each one's.

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
        self.loss = LOSSES[config.loss]()
        self.model = new_model(config).to(device)
        layout = _layout(config, device)
        self.model.to(memory_format=layout)  # pyright: ignore[reportCallIssue] # torch's stub
        half = HALF.get(config.precision)
        self._half = HalfModel(self.model, half) if half else None
        self.evolution = Evolution(self._half or self.model, config.gamma, config.update)
        self._host = None
        if config.optimizer_state == "host":
            self._host = HostCopy(self.model.parameters())
        self._weights = self._host.parameters if self._host else list(self.model.parameters())
        # `fused` works in place: it holds nothing beside its moments, on a CPU neither.
        self.optimizer = torch.optim.AdamW(
            self._weights, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.eager_because: str | None = None
        """Why CUDA graphs are not in use on a GPU."""
        self._states: States | None = None
        self._machine: Steps | None = None
        self._skips_in_a_row = 0

    def episode(self, between: Between) -> Learned | NotLearned:
        """Make one episode and one optimizer step.

        If `between` raises, nothing has been learned: the trainer is as it was before.
        """
        return self.learn(self.gradients(between))

    def gradients(self, between: Between) -> Outcome:
        """Make the next episode; its gradients, times the loss scale, are then in the weights.

        Nothing is learned yet, and no other process is asked: if this raises (`between`,
        or an allocator), the same episode can be made again.
        """
        config = self.config
        samples = self._samples()
        rate = noise_rate(config.max_noise, self.episodes)
        psi = draw_initial_state(config.seed, samples, d_state=config.d_state, grid=config.grid)
        return self._run(
            psi.to(self.device), Noise(config.seed, samples, rate).draw_factor, between
        )

    def learn(self, outcome: Outcome) -> Learned | NotLearned:
        """Make the optimizer step; where an episode is not finite, count it and learn nothing.

        Raises:
            QcaError: if too many episodes in a row were not finite.

        """
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        self.ranks.average(gradients)
        if self._scale != 1:
            for gradient in gradients:
                gradient.mul_(1 / self._scale)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM_LIMIT)
        learned = self._numbers(outcome, norm)
        because = _not_finite(learned)
        if because is None:
            self._step(learned)
        else:
            self._skip(because)
        if self.config.precision == "fp16":
            self.loss_scale = self.loss_scale.after(because is None)
        self.episodes += 1
        return learned if because is None else NotLearned(because)

    def checkpoint(self) -> Checkpoint:
        """Return the training as it is now, its tensors on the CPU."""
        tensors = {_MODEL + name: value for name, value in self.model.state_dict().items()}
        for (name, _), parameter in zip(self.model.named_parameters(), self._weights, strict=True):
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"{_OPTIMIZER}{key}.{name}"] = value
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
        """Go on from a checkpoint of the same configuration.

        Raises:
            CheckpointError: if the weights are those of another architecture.

        """
        self.load_weights(_under(_MODEL, checkpoint.tensors))
        moments = _under(_OPTIMIZER, checkpoint.tensors)
        state = {
            number: {
                key.removesuffix(f".{name}"): _laid_out_like(parameter, value)
                for key, value in _of_parameter(name, moments).items()
            }
            for number, (name, parameter) in enumerate(self.model.named_parameters())
            if _of_parameter(name, moments)
        }
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.episodes, self.skipped = checkpoint.episode, checkpoint.skipped
        self.plateau, self.loss_scale = checkpoint.plateau, checkpoint.loss_scale

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights by their state-dict names; the training begins from them.

        Raises:
            CheckpointError: if they are those of another architecture, with the first
                shape that differs, or are not finite.

        """
        _require_same_shapes(self.model.state_dict(), weights)
        _require_finite(weights)
        self.model.load_state_dict(weights)
        if self._host:
            self._host.take_weights()
        if self._half:
            self._half.refresh()

    def release(self) -> None:
        """Let go of all device memory; this trainer is of no use any more."""
        self._states = self._machine = self._half = None
        for parameter in self.model.parameters():
            parameter.grad = None
        self.optimizer.state.clear()
        del self.model, self.evolution
        self._weights.clear()
        self.optimizer.param_groups.clear()
        gc.collect()  # an exception's traceback makes cycles
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @property
    def _scale(self) -> float:
        return self.loss_scale.factor if self.config.precision == "fp16" else 1.0

    def _samples(self) -> range:
        """Return the global indices of this process's samples in the next episode."""
        batch = self.config.batch_size
        first = (self.episodes * self.ranks.size + self.ranks.rank) * batch
        return range(first, first + batch)

    def _run(self, psi: Tensor, noise: NoiseFactor, between: Between) -> Outcome:
        steps, loss, scale = self.config.steps, self.loss, self._scale
        if self.config.recompute == "none":
            self.model.zero_grad(set_to_none=True)
            return plain_episode(
                self.evolution,
                psi,
                steps=steps,
                loss=loss,
                noise=noise,
                between=between,
                scale=scale,
            )
        self._states = self._states or self._new_states(psi)
        self._machine = self._machine or self._new_machine(psi)
        self._clear_gradients()
        return adjoint_episode(
            self.evolution,
            psi,
            steps=steps,
            loss=loss,
            noise=noise,
            between=between,
            scale=scale,
            states=self._states,
            machine=self._machine,
        )

    def _new_states(self, psi: Tensor) -> States:
        if self.config.recompute == "two-level":
            return EveryKth(self.config.steps)
        if self.config.recompute == "host":
            return InHost(host_buffer(self.config.steps, psi))
        return OnDevice()

    def _new_machine(self, psi: Tensor) -> Steps:
        """Capture CUDA graphs where there is CUDA; make steps eagerly where that cannot be."""
        if self.device.type != "cuda":
            return EagerSteps(self.evolution)
        for parameter in self.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        try:
            return GraphedSteps(self.evolution, psi)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # an old card or driver, or an operation that refuses
            self.eager_because = str(error).splitlines()[0]
            return EagerSteps(self.evolution)

    def _clear_gradients(self) -> None:
        # A captured graph adds to the gradients where they are.
        self.model.zero_grad(set_to_none=isinstance(self._machine, EagerSteps))

    def _numbers(self, outcome: Outcome, norm: Tensor) -> Learned:
        """Return the episode's numbers, averaged over the ranks, with one look at the device."""
        terms = outcome.terms
        numbers = torch.stack([outcome.loss, outcome.energy, *terms.values()])
        self.ranks.average([numbers])
        loss, energy, *values, gradient_norm = [*numbers.tolist(), norm.item()]
        return Learned(
            loss=loss,
            components=dict(zip(terms, values, strict=True)),
            energy=energy,
            noise_rate=noise_rate(self.config.max_noise, self.episodes),
            learning_rate=self.plateau.rate(self.config.learning_rate),
            gradient_norm=gradient_norm,
        )

    def _step(self, learned: Learned) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learned.learning_rate
        if self._host:
            self._host.take_gradients()
        self.optimizer.step()
        if self._host:
            self._host.give_weights()
        if self._half:
            self._half.refresh()
        self.plateau = self.plateau.after(learned.loss)
        self._skips_in_a_row = 0

    def _skip(self, because: str) -> None:
        self.skipped += 1
        if self._scale == 1:
            self._skips_in_a_row += 1
        if self._skips_in_a_row == SKIPS_IN_A_ROW:
            raise QcaError(
                f"episode {self.episodes + 1}: {because}, as in the "
                f"{SKIPS_IN_A_ROW - 1} episodes before; the training has diverged",
                hint="Nothing was learned from them. Continue from the last checkpoint with "
                "--resume and a smaller learning rate.",
            )


def _layout(config: TrainConfig, device: torch.device) -> torch.memory_format:
    """Return how weights lie in memory: channels last where tensor cores compute.

    They read that layout, and cuDNN would copy every operand into it: an episode takes 0.88 of
    its time in TF32 and in bfloat16. Strict float32, which they do not compute, takes 1.04 of
    it and more scratch memory (H100, torch 2.11, the seed's model).
    """
    tensor_cores = device.type == "cuda" and config.precision in ("tf32", "bf16", "fp16")
    return torch.channels_last if tensor_cores else torch.contiguous_format


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """Return a CPU copy of a moment that lies as its parameter does: AdamW's kernel wants that."""
    if value.shape != parameter.shape:
        return value  # the count of steps
    return torch.empty_like(parameter, dtype=value.dtype, device="cpu").copy_(value)


def new_model(config: TrainConfig) -> UNetUnitary:
    """Return the untrained model of a run: the same weights for the same seed, on the CPU."""
    draw = make_generator(config.seed, Purpose.WEIGHTS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(draw.integers(2**63)))
        return UNetUnitary(config.d_state, config.hidden_channels)


def _not_finite(learned: Learned) -> str | None:
    """Return the first number of an episode that is not finite, as a phrase."""
    numbers = {
        "the loss": learned.loss,
        **{f"the loss's term {name}": term for name, term in learned.components.items()},
        "the energy": learned.energy,
        "the norm of the gradient": learned.gradient_norm,
    }
    return next(
        (f"{name} is {number}" for name, number in numbers.items() if not math.isfinite(number)),
        None,
    )


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _of_parameter(name: str, optimizer: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the optimizer's tensors for one parameter: `exp_avg.NAME` and the like."""
    return {key: value for key, value in optimizer.items() if key.partition(".")[2] == name}


def _require_same_shapes(model: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    for name in sorted({*model, *saved}):
        here, there = (tuple(t[name].shape) if name in t else "missing" for t in (model, saved))
        if here != there:
            raise CheckpointError(
                f"the checkpoint is of another architecture: {name} is {there}, here {here}",
                hint="Use the configuration that the checkpoint was made with.",
            )


def _require_finite(weights: Mapping[str, Tensor]) -> None:
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise CheckpointError(
                f"the weights are not finite: there is a NaN or an infinity in {name}",
                hint="Use weights of an earlier checkpoint.",
            )
