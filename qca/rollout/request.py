"""Check the request for a rollout before its first step."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import psutil

from qca.core.atomic_files import write_error
from qca.core.errors import InputError, LaunchError, PlanError
from qca.core.output_format import choose_by_name
from qca.core.plain_files import check_plain
from qca.core.units import MIB, format_size
from qca.measures.choose_field import ChosenField
from qca.rollout.pictures import load_pillow
from qca.rollout.player import LARGEST_FRAMES
from qca.rollout.video import find_encoder

Format = Literal["html", "gif", "mp4", "webm", "png", "safetensors", "npz"]
STATE_FORMATS: frozenset[Format] = frozenset({"safetensors", "npz"})
"""The formats that store the states themselves."""

_FLOAT, _COMPLEX = 4, 8
_PICTURE_CELLS = 512 * 512  # pixels of a small grid after enlarging it
_COLORS = 3  # bytes per pixel
_PAGE_CELLS = 128  # per side; a screen does not show more cells of one grid
_MARGIN = 16 * MIB  # space to leave free on a disk
_MOST_FRAMES = 100_000


@dataclass(frozen=True)
class RolloutRequest:
    """A rollout and its output file."""

    output: Path
    steps: int
    grid: tuple[int, int]
    """Rows and columns."""
    every: int
    """Steps between two frames."""
    fields: Sequence[ChosenField]
    fps: float

    @property
    def format(self) -> Format:
        """The format of the output, from its suffix."""
        return parse_format(self.output)

    @property
    def frames(self) -> int:
        """Number of frames: the start, each `every`-th step, and the last."""
        return count_frames(self.steps, self.every)

    @property
    def cells(self) -> int:
        """Number of cells of the grid."""
        return self.grid[0] * self.grid[1]

    @property
    def stride(self) -> int:
        """The stride between shown cells; more than 1 if a page shows a large grid."""
        return _choose_stride(self.format, self.grid)

    @property
    def shown_cells(self) -> int:
        """Number of cells that a frame shows."""
        return _count_shown_cells(self.grid, self.stride)

    @property
    def size_text(self) -> str:
        """The size of the recording in words."""
        return f"{self.frames:,} frames of {self.grid[0]}x{self.grid[1]} cells"

    @property
    def keeps_states(self) -> bool:
        """Whether the output stores the states themselves."""
        return self.format in STATE_FORMATS


def make_request(
    output: Path,
    steps: int,
    grid: tuple[int, int],
    every: int | None,
    fields: Sequence[ChosenField],
    fps: float,
) -> RolloutRequest:
    """Return the request; without `every`, it has a frame per step, or fewer to fit in a page."""
    format_ = parse_format(output)
    if every is None:
        shown = _count_shown_cells(grid, _choose_stride(format_, grid))
        every = _choose_every(format_, steps, shown, len(fields))
    return RolloutRequest(output, steps, grid, every, fields, fps)


def count_frames(steps: int, every: int) -> int:
    """Return the number of frames: the start, each `every`-th of `steps` steps, and the last."""
    return 1 + -(-steps // every)


def parse_format(path: Path) -> Format:
    """Return the format that a file's suffix names.

    Raises:
        InputError: the suffix is not a known format.

    """
    return choose_by_name(path, get_args(Format))


def _choose_stride(format_: Format, grid: tuple[int, int]) -> int:
    """Return the stride between shown cells along each axis; more than 1 only on a page."""
    return -(-max(grid) // _PAGE_CELLS) if format_ == "html" else 1


def _count_shown_cells(grid: tuple[int, int], stride: int) -> int:
    """Return the number of cells shown if each axis shows every `stride`-th."""
    return -(-grid[0] // stride) * -(-grid[1] // stride)


def _choose_every(format_: Format, steps: int, cells: int, fields: int) -> int:
    """Return the number of steps between two frames: 1, or more if a page would be too large."""
    if format_ != "html":
        return 1
    most = min(_MOST_FRAMES, max(2, LARGEST_FRAMES // (cells * fields)))
    return max(1, -(-steps // (most - 1)))


def require_possible(request: RolloutRequest, d_state: int) -> None:
    """Refuse an output that cannot be written.

    Raises:
        InputError: it has more frames than a page, or any file, can hold.
        LaunchError: the encoder is missing, or the output or its folder cannot be written to.
        PlanError: it needs more than the free memory or disk space.

    """
    _require_encoder(request.format)
    _require_place(request.output)
    if request.frames > _MOST_FRAMES:
        raise InputError(
            f"too many frames: {request.frames:,}; the limit is {_MOST_FRAMES:,}",
            hint=f"Record fewer: --every {-(-request.steps // (_MOST_FRAMES - 1))} or more.",
        )
    if request.format == "html":
        _require_small_page(request)
    _require_memory(request, d_state)
    _require_disk(request, d_state)


def count_kept_bytes(request: RolloutRequest, d_state: int) -> int:
    """Return the memory that the recording of a rollout needs, in bytes."""
    each = (_COMPLEX * d_state + _FLOAT) * request.cells
    if not request.keeps_states:
        each = _FLOAT * request.shown_cells * len(request.fields)
    if request.format == "gif":
        each += _COLORS * max(_PICTURE_CELLS, request.cells) * len(request.fields)
    return request.frames * each


def _require_encoder(format_: Format) -> None:
    if format_ in ("mp4", "webm"):
        find_encoder()
    elif format_ in ("gif", "png"):
        load_pillow()


def _require_place(output: Path) -> None:
    folder = _find_existing_folder(output)
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        problem = f"folder {folder} is not writable" if folder.is_dir() else f"{folder} is a file"
        raise LaunchError(
            f"cannot write {output}: {problem}", hint="Give another output with -o FILE."
        )
    try:
        check_plain(output, follow=False)
    except OSError as error:
        raise write_error(output, error, hint="Give another output with -o FILE.") from None


def _find_existing_folder(output: Path) -> Path:
    """Return the nearest folder above the output that exists; the others are created."""
    return next(folder for folder in output.absolute().parents if folder.exists())


def _require_small_page(request: RolloutRequest) -> None:
    size = request.frames * request.shown_cells * len(request.fields)
    if size > LARGEST_FRAMES:
        every = _choose_every("html", request.steps, request.shown_cells, len(request.fields))
        largest = format_size(LARGEST_FRAMES * 4 // 3)
        raise InputError(
            f"{request.size_text} make a page of up to {format_size(size * 4 // 3)}; "
            f"the limit is {largest}",
            hint=f"Record fewer frames (--every {every}) or fields (--field), or write a video.",
        )


def _require_memory(request: RolloutRequest, d_state: int) -> None:
    # Drawing or writing the frames stacks them, which doubles the memory.
    needed, free = 2 * count_kept_bytes(request, d_state), psutil.virtual_memory().available
    if needed > free:
        raise PlanError(
            f"{request.size_text} need {format_size(needed)} of memory; "
            f"{format_size(free)} is available",
            hint="Record fewer frames with --every, or choose a smaller --grid.",
        )


def _require_disk(request: RolloutRequest, d_state: int) -> None:
    """Refuse states that do not fit on the disk; they are not compressed. Pictures are small."""
    needed = count_kept_bytes(request, d_state) if request.keeps_states else 0
    free = shutil.disk_usage(_find_existing_folder(request.output)).free - _MARGIN
    if needed > free:
        raise PlanError(
            f"{request.output.name} needs {format_size(needed)}; the disk has "
            f"{format_size(max(0, free))} free",
            hint="Record fewer states with --every, or write to another disk.",
        )
