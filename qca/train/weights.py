"""Weights to begin with, from whoever wrote them; no code in a file is ever run."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from qca.core.errors import InputError

_FIRST = "inc.conv_block.0.weight"  # a name that every checkpoint of this model has


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the weights of a model by their state-dict names, from whoever wrote them.

    A safetensors file or one of `torch.save`, which is read with `weights_only`: no code in
    it is run. The names may stand under a key of their own and have a prefix in front.

    Raises:
        InputError: if there is no such file, or no weights of this model in it.

    """
    try:
        found = _tensors(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", hint="Check the path given to --init.") from None
    except (OSError, SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: no weights can be read from it: {first}",
            hint="--init takes a safetensors file, or weights saved with torch.save; code in a "
            "file is never run.",
        ) from None
    prefix = next((name.removesuffix(_FIRST) for name in found if name.endswith(_FIRST)), None)
    if prefix is None:
        raise InputError(
            f"{path}: no weights of this model: nothing in it is named {_FIRST}",
            hint="docs/model.md lists the names.",
        )
    return {
        name.removeprefix(prefix): value.float()
        for name, value in found.items()
        if name.startswith(prefix)
    }


def _tensors(path: Path) -> dict[str, Tensor]:
    """Return the named tensors of a file, those of a nested mapping if its names are below."""
    with path.open("rb") as file:
        zipped_or_pickled = file.read(2) in (b"PK", b"\x80\x02")
    if not zipped_or_pickled:
        return load_file(path)
    content = torch.load(path, map_location="cpu", weights_only=True)
    below = content.values() if isinstance(content, Mapping) else ()
    mappings = [one for one in (content, *below) if isinstance(one, Mapping)]
    for one in mappings:
        if any(isinstance(name, str) and name.endswith(_FIRST) for name in one):
            return {name: value for name, value in one.items() if isinstance(value, Tensor)}
    return {}
