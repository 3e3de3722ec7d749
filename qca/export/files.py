"""An automaton in each of the formats; every file says itself which automaton it is."""

import contextlib
import copy
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Literal, get_args

import torch
from safetensors import torch as safetensors

from qca.automaton.automaton import Automaton
from qca.automaton.load import EXPORT_FORMAT
from qca.core.atomic_files import replace_file
from qca.core.distribution import explain_install
from qca.core.errors import LaunchError
from qca.core.output_format import choose_by_name
from qca.core.unet_shape import GRID_MULTIPLE
from qca.export.real_step import RealStep

Format = Literal["safetensors", "pth", "pt2", "onnx"]

INPUTS, OUTPUTS = ("real", "imaginary"), ("next_real", "next_imaginary")
# In multiples of four cells; and two samples, since torch.export takes one for a constant.
_EXAMPLE_SIDES, _EXAMPLE_BATCH = (4, 6), 2
_LARGEST = 1024


def parse_format(path: Path) -> Format:
    """Return the format that a file's name asks for.

    Raises:
        InputError: it asks for none that is known.

    """
    return choose_by_name(path, get_args(Format))


def export_automaton(automaton: Automaton, path: Path) -> None:
    """Write the automaton in the format that the file's name asks for.

    Raises:
        InputError: the name asks for no known format.
        LaunchError: what the format needs is not installed, or the file cannot be written.

    """
    write = _WRITERS[parse_format(path)]
    try:
        with replace_file(path) as unfinished, _silence_exporter():
            write(automaton, unfinished)
    except ModuleNotFoundError as error:
        raise LaunchError(
            f"ONNX needs {error.name}, which is not installed here",
            hint=explain_install("export"),
        ) from None
    except OSError as error:
        raise LaunchError(
            f"cannot write {path}: {error.strerror or error}",
            hint="Check the folder's permissions and the free space of its disk.",
        ) from None


def describe(automaton: Automaton) -> dict[str, str]:
    """Return what a file says of its automaton, as texts."""
    return {
        "format": EXPORT_FORMAT,
        "config": json.dumps(asdict(automaton.config), sort_keys=True),
        "episode": "" if automaton.episode is None else str(automaton.episode),
    }


def _write_safetensors(automaton: Automaton, path: Path) -> None:
    """Write the weights by their state-dict names."""
    path.write_bytes(safetensors.save(_copy_weights(automaton), describe(automaton)))


def _write_pth(automaton: Automaton, path: Path) -> None:
    """Write what Atheria's `load_model` reads: the weights under `model_state_dict`."""
    content = {
        "model_state_dict": _copy_weights(automaton),
        "episode": automaton.episode,
        "qca": describe(automaton),
    }
    buffer = io.BytesIO()  # what torch raises over a full disk does not say so
    torch.save(content, buffer)
    path.write_bytes(buffer.getvalue())


def _write_pt2(automaton: Automaton, path: Path) -> None:
    """Write one step as a program of torch.export."""
    program = trace_step(automaton)
    buffer = io.BytesIO()  # torch looks at a path's suffix, and an unfinished file has another
    torch.export.save(program, buffer, extra_files=describe(automaton))
    path.write_bytes(buffer.getvalue())


def _write_onnx(automaton: Automaton, path: Path) -> None:
    """Write one step as an ONNX model."""
    import onnx
    import onnxscript  # noqa: F401 - torch's exporter needs it, and says so less clearly

    exported = torch.onnx.export(
        trace_step(automaton), (), input_names=INPUTS, output_names=OUTPUTS, verbose=False
    )
    assert exported is not None
    model = exported.model_proto
    for key, text in describe(automaton).items():
        model.metadata_props.add(key=key, value=text)
    onnx.save(model, path, format="protobuf")


def trace_step(automaton: Automaton) -> torch.export.ExportedProgram:
    """Return one step of the automaton as a program for any batch and grid."""
    rows, columns, batch = (
        torch.export.Dim(name, min=1, max=_LARGEST) for name in ("rows", "columns", "batch")
    )
    sizes = {0: batch, 2: GRID_MULTIPLE * rows, 3: GRID_MULTIPLE * columns}
    sides = (GRID_MULTIPLE * side for side in _EXAMPLE_SIDES)
    example = torch.zeros(_EXAMPLE_BATCH, automaton.config.d_state, *sides)
    example[:, 0] = 1
    step = RealStep(copy.deepcopy(automaton.evolution)).cpu().eval()
    # Two tensors: one given twice would be taken for one input.
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
def _silence_exporter() -> Iterator[None]:
    """Keep torch's exporter from telling of torchvision and of its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
