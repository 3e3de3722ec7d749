"""Export an automaton in each format; the metadata in every file describes the automaton."""

import contextlib
import copy
import io
import json
import logging
import warnings
from collections.abc import Callable, Generator
from dataclasses import asdict
from pathlib import Path
from typing import Literal, get_args

import torch
from safetensors import torch as safetensors

from qca.automaton.automaton import Automaton
from qca.automaton.load import EXPORT_FORMAT
from qca.core.atomic_files import create_parent, replace_file, write_error
from qca.core.distribution import require_extra
from qca.core.output_format import choose_by_name
from qca.core.unet_shape import GRID_MULTIPLE
from qca.export.onnx_model import write_model
from qca.export.real_step import RealStep

Format = Literal["safetensors", "pth", "pt2", "onnx"]

# Sides are in units of four cells. The batch is 2, since torch.export would specialize on 1.
_EXAMPLE_SIDES, _EXAMPLE_BATCH = (4, 6), 2
_LARGEST = 1024


def parse_format(path: Path) -> Format:
    """Return the format that a file's suffix names.

    Raises:
        InputError: the suffix is not a known format.

    """
    return choose_by_name(path, get_args(Format))


def export_automaton(automaton: Automaton, path: Path) -> None:
    """Write the automaton in the format that the file's suffix names; create the folder if needed.

    Raises:
        InputError: the suffix is not a known format.
        LaunchError: a package that the format needs is missing, or the file cannot be written.

    """
    write = _WRITERS[parse_format(path)]
    try:
        create_parent(path)
        with (
            require_extra("export", "ONNX"),
            replace_file(path) as unfinished,
            _silence_exporter(),
        ):
            write(automaton, unfinished)
    except OSError as error:
        raise write_error(path, error) from None


def describe(automaton: Automaton) -> dict[str, str]:
    """Return the metadata that describes the automaton in an exported file."""
    return {
        "format": EXPORT_FORMAT,
        "config": json.dumps(asdict(automaton.config), sort_keys=True),
        "episode": "" if automaton.episode is None else str(automaton.episode),
    }


def _write_safetensors(automaton: Automaton, path: Path) -> None:
    """Write the weights, keyed by their state-dict names."""
    path.write_bytes(safetensors.save(_copy_weights(automaton), describe(automaton)))


def _write_pth(automaton: Automaton, path: Path) -> None:
    """Write the weights under `model_state_dict`, where Atheria's `load_model` expects them."""
    content = {
        "model_state_dict": _copy_weights(automaton),
        "episode": automaton.episode,
        "qca": describe(automaton),
    }
    buffer = io.BytesIO()  # torch's own error does not mention a full disk
    torch.save(content, buffer)
    path.write_bytes(buffer.getvalue())


def _write_pt2(automaton: Automaton, path: Path) -> None:
    """Write one step as a torch.export program."""
    program = _trace_step(automaton)
    buffer = io.BytesIO()  # torch checks the suffix, which an unfinished file does not have
    torch.export.save(program, buffer, extra_files=describe(automaton))
    path.write_bytes(buffer.getvalue())


def _write_onnx(automaton: Automaton, path: Path) -> None:
    """Write one step as an ONNX model."""
    write_model(path, _trace_step(automaton), describe(automaton))


def _trace_step(automaton: Automaton) -> torch.export.ExportedProgram:
    """Return one step as a program for batches up to `_LARGEST` and sides up to 4 times that."""
    rows, columns, batch = (
        torch.export.Dim(name, min=1, max=_LARGEST) for name in ("rows", "columns", "batch")
    )
    sizes = {0: batch, 2: GRID_MULTIPLE * rows, 3: GRID_MULTIPLE * columns}
    sides = (GRID_MULTIPLE * side for side in _EXAMPLE_SIDES)
    example = torch.zeros(_EXAMPLE_BATCH, automaton.config.d_state, *sides)
    example[:, 0] = 1
    step = RealStep(copy.deepcopy(automaton.evolution)).cpu().eval()
    # Two tensors, since torch.export treats the same tensor given twice as one input.
    return torch.export.export(step, (example, example.clone()), dynamic_shapes=(sizes, sizes))


def _copy_weights(automaton: Automaton) -> dict[str, torch.Tensor]:
    weights = automaton.evolution.model.state_dict()
    return {name: value.detach().cpu().contiguous() for name, value in weights.items()}


_WRITERS: dict[Format, Callable[[Automaton, Path], None]] = {
    "safetensors": _write_safetensors,
    "pth": _write_pth,
    "pt2": _write_pt2,
    "onnx": _write_onnx,
}


@contextlib.contextmanager
def _silence_exporter() -> Generator[None]:
    """Silence torch's exporter, which logs about torchvision and its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
