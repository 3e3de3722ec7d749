"""Get initial weights: drawn from the seed, or read from a file whose code is never run."""

# The annotations of torch and safetensors are incomplete.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from qca.core.config import TrainConfig
from qca.core.errors import CheckpointError, InputError
from qca.model.random_streams import Purpose, make_generator
from qca.model.unet import UNetUnitary
from qca.train.weights_file import make_read_error, recognize_format

_FIRST = "inc.conv_block.0.weight"  # every checkpoint of this model has this tensor


def build_model(config: TrainConfig) -> UNetUnitary:
    """Return the untrained model of a run on the CPU; the seed determines its weights."""
    draw = make_generator(config.seed, Purpose.WEIGHTS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(draw.integers(2**63)))
        return UNetUnitary(config.d_state, config.hidden_channels)


def require_loadable(weights: Mapping[str, Tensor], model: Mapping[str, Tensor]) -> None:
    """Refuse weights that do not fit the model's state dict or are not finite.

    Raises:
        CheckpointError: the message names the first shape that differs, or the tensor that is not
            finite.

    """
    _require_same_shapes(model, weights)
    _require_finite(weights)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return a model's weights by their state-dict names, from a file written by any program.

    The file is in safetensors format or was saved by `torch.save`. In the second case it is read
    with `weights_only`, so its code is not run. The names may be nested under a key and have a
    prefix.

    Raises:
        InputError: the file does not exist, or does not contain weights of this model.

    """
    try:
        tensors = _read_tensors(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", hint="Check the path given to --init.") from None
    except (OSError, SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise make_read_error(path, error) from None
    prefix = next((name.removesuffix(_FIRST) for name in tensors if name.endswith(_FIRST)), None)
    if prefix is None:
        raise InputError(
            f"{path}: the file has no weights of this model: it has no tensor named {_FIRST}",
            hint="docs/model.md lists the names.",
        )
    return {
        name.removeprefix(prefix): value.float()
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the named tensors of a file, or of the nested mapping that has the model's names."""
    if recognize_format(path) == "safetensors":
        return load_file(path)
    content: Any = torch.load(path, map_location="cpu", weights_only=True)
    below: Iterable[Any] = content.values() if isinstance(content, Mapping) else ()
    mappings: list[Mapping[Any, Any]] = [
        value for value in (content, *below) if isinstance(value, Mapping)
    ]
    for mapping in mappings:
        if any(isinstance(name, str) and name.endswith(_FIRST) for name in mapping):
            return {name: value for name, value in mapping.items() if isinstance(value, Tensor)}
    return {}


def _require_same_shapes(model: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    for name in sorted({*model, *saved}):
        here, there = (tuple(t[name].shape) if name in t else "missing" for t in (model, saved))
        if here != there:
            raise CheckpointError(
                f"the checkpoint has another architecture: {name} is {there}, not {here}",
                hint="Use the configuration of the checkpoint.",
            )


def _require_finite(weights: Mapping[str, Tensor]) -> None:
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise CheckpointError(
                f"the weights are not finite: {name} contains NaN or infinity",
                hint="Use weights from an earlier checkpoint.",
            )
