"""Model, optimizer and schedule as one thing that makes episodes and can be saved."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from qca.config import TrainConfig
from qca.errors import CheckpointError, QcaError
from qca.model.evolution import Evolution
from qca.model.losses import LOSSES
from qca.model.noise import Noise, noise_rate
from qca.model.seeds import Purpose, stream
from qca.model.state import initial_state
from qca.model.unet import UNetUnitary
from qca.train.checkpoint import Checkpoint
from qca.train.episode import Between, adjoint_episode, plain_episode
from qca.train.plateau import Plateau

GRADIENT_NORM_LIMIT = 1.0

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


class Trainer:
    """A training in memory. `episodes` counts the whole ones made.

    Args:
        config: with `recompute` resolved; anything but "none" keeps one step's graph.
        device: where to compute.

    """

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.episodes = 0
        self.plateau = Plateau()
        self.loss = LOSSES[config.loss]()
        self.model = new_model(config).to(device)
        self.evolution = Evolution(self.model, config.gamma, config.update)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self._run = plain_episode if config.recompute == "none" else adjoint_episode

    def episode(self, between: Between) -> Learned:
        """Make one episode and one optimizer step.

        If `between` raises, or the episode gives a number that is not finite, nothing has
        been learned: the trainer is as it was before.

        Raises:
            QcaError: if the loss or its gradient is not finite.

        """
        config = self.config
        first = self.episodes * config.batch_size
        samples = range(first, first + config.batch_size)
        rate = noise_rate(config.max_noise, self.episodes)
        psi = initial_state(config.seed, samples, d_state=config.d_state, grid=config.grid)
        self.optimizer.zero_grad(set_to_none=True)
        outcome = self._run(
            self.evolution,
            psi.to(self.device),
            steps=config.steps,
            loss=self.loss,
            disturb=Noise(config.seed, samples, rate),
            between=between,
        )
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM_LIMIT)
        learned = Learned(
            loss=outcome.loss.item(),
            components={name: term.item() for name, term in outcome.terms.items()},
            energy=outcome.energy.item(),
            noise_rate=rate,
            learning_rate=self.plateau.rate(config.learning_rate),
            gradient_norm=norm.item(),
        )
        self._require_finite(learned)
        self._learn(learned)
        return learned

    def checkpoint(self) -> Checkpoint:
        """Return the training as it is now, its tensors on the CPU."""
        tensors = {_MODEL + name: value for name, value in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"{_OPTIMIZER}{key}.{name}"] = value
        return Checkpoint(
            episode=self.episodes,
            tensors={name: value.detach().cpu() for name, value in tensors.items()},
            plateau=self.plateau,
            config=self.config.model_dump(mode="json"),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same configuration.

        Raises:
            CheckpointError: if the weights are those of another architecture.

        """
        weights = _under(_MODEL, checkpoint.tensors)
        _require_same_shapes(self.model.state_dict(), weights)
        self.model.load_state_dict(weights)
        state = {
            number: {key.removesuffix(f".{name}"): value for key, value in saved.items()}
            for number, (name, _) in enumerate(self.model.named_parameters())
            if (saved := _of_parameter(name, _under(_OPTIMIZER, checkpoint.tensors)))
        }
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.episodes = checkpoint.episode
        self.plateau = checkpoint.plateau

    def _learn(self, learned: Learned) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learned.learning_rate
        self.optimizer.step()
        self.plateau = self.plateau.after(learned.loss)
        self.episodes += 1

    def _require_finite(self, learned: Learned) -> None:
        numbers = {
            "the loss": learned.loss,
            **{f"the loss's term {name}": term for name, term in learned.components.items()},
            "the energy": learned.energy,
            "the norm of the gradient": learned.gradient_norm,
        }
        for name, number in numbers.items():
            if not torch.tensor(number).isfinite():
                raise QcaError(
                    f"episode {self.episodes + 1}: {name} is {number}; the training has diverged",
                    hint="Nothing was learned from it. Continue from the last checkpoint with "
                    "--resume and a smaller learning rate.",
                )


def new_model(config: TrainConfig) -> UNetUnitary:
    """Return the untrained model of a run: the same weights for the same seed, on the CPU."""
    draw = stream(config.seed, Purpose.WEIGHTS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(draw.integers(2**63)))
        return UNetUnitary(config.d_state, config.hidden_channels)


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
