"""Recognize how a file stores weights, and describe why it cannot be read."""

import pickle
import zipfile
from pathlib import Path
from typing import IO, Literal

from qca.core.errors import InputError
from qca.core.plain_files import open_plain

WeightsFormat = Literal["safetensors", "torch"]
"""A safetensors file, or one saved by `torch.save`."""

_HEAD = 9  # bytes: a safetensors file has the length of its header in 8, then the header's `{`
_PICKLE = b"\x80\x02"  # how torch saved before 1.6
_ONNX = (b"\x08", b"\x12")  # the version of the format, one byte, and the name of the producer


def recognize_format(path: Path) -> WeightsFormat:
    """Return how a file stores weights.

    Raises:
        OSError: it is not a plain file, or cannot be opened.
        InputError: it has another format.

    """
    with open_plain(path) as file:
        head = file.read(_HEAD)
        if head.startswith(b"PK"):
            _check_archive(path, file)
            return "torch"
    if head.startswith(_PICKLE):
        return "torch"
    if head.endswith(b"{") and len(head) == _HEAD:
        return "safetensors"
    if (head[:1], head[2:3]) == _ONNX:
        raise _make_program_error(path, "an ONNX model")
    raise InputError(
        f"{path}: cannot read weights: neither a safetensors file nor one saved with torch.save",
        hint="Give a checkpoint, or a .safetensors or .pth file from `qca export`.",
    )


def make_read_error(path: Path, error: Exception) -> InputError:
    """Return the error for a file of a known format that cannot be read."""
    if isinstance(error, OSError):
        reason, hint = error.strerror or str(error), "Check the path and the file's permissions."
    elif isinstance(error, pickle.UnpicklingError):
        reason = "it contains values other than tensors"
        hint = "Save only tensors: torch.save(model.state_dict(), FILE). Code in a file is not run."
    else:
        reason = f"it is incomplete or damaged: {_select_reason(error)}"
        hint = "Restore the file from a copy, or export it again."
    return InputError(f"{path}: cannot read weights: {reason}", hint=hint)


def _check_archive(path: Path, file: IO[bytes]) -> None:
    """Refuse an incomplete archive, and one from torch.export, which torch.load calls corrupted."""
    try:
        names = zipfile.ZipFile(file).namelist()
    except zipfile.BadZipFile:
        error = EOFError("the zip archive has no directory")
        raise make_read_error(path, error) from None
    if any(name.endswith("/archive_format") for name in names):
        raise _make_program_error(path, "a torch.export program")


def _make_program_error(path: Path, kind: str) -> InputError:
    return InputError(
        f"{path}: cannot read weights from {kind}",
        hint="qca reads .safetensors and .pth files. Give the run or a checkpoint, or export it "
        f"again: qca export RUN -o {path.with_suffix('.safetensors').name}",
    )


def _select_reason(error: Exception) -> str:
    """Return the first sentence of an error, without torch's guesses at its cause."""
    text = str(error) or type(error).__name__
    return text.splitlines()[0].partition(". ")[0]
