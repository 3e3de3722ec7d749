"""What is asked of a rollout, and whether it can be had: said before the first step."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import psutil

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
"""Those that hold the states themselves."""

_FLOAT, _COMPLEX = 4, 8
_PICTURE_CELLS = 512 * 512  # of a small grid, once it is enlarged
_COLORS = 3  # bytes of a pixel
_PAGE_CELLS = 128  # a side; more than a screen shows of one grid
_MARGIN = 16 * MIB  # of a disk that is left free
_MOST_FRAMES = 100_000


@dataclass(frozen=True)
class RolloutRequest:
    """A rollout and the file that comes of it."""

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
        """The output's format, by its name."""
        return parse_format(self.output)

    @property
    def frames(self) -> int:
        """Frames that it will have: the start, each `every`-th step, and the last."""
        return count_frames(self.steps, self.every)

    @property
    def cells(self) -> int:
        """Cells of the grid."""
        return self.grid[0] * self.grid[1]

    @property
    def stride(self) -> int:
        """Of so many cells along each axis one is shown: more than 1 on a page of a large grid."""
        return choose_stride(self.format, self.grid)

    @property
    def shown_cells(self) -> int:
        """Cells of a frame that are shown."""
        return count_shown_cells(self.grid, self.stride)

    @property
    def size_text(self) -> str:
        """Its size in words."""
        return f"{self.frames:,} frames of {self.grid[0]}x{self.grid[1]} cells"

    @property
    def keeps_states(self) -> bool:
        """Whether the output is the states themselves."""
        return self.format in STATE_FORMATS


def make_request(
    output: Path,
    steps: int,
    grid: tuple[int, int],
    every: int | None,
    fields: Sequence[ChosenField],
    fps: float,
) -> RolloutRequest:
    """Return the request; without `every`, all frames, or as many as a page may have."""
    format_ = parse_format(output)
    if every is None:
        shown = count_shown_cells(grid, choose_stride(format_, grid))
        every = choose_every(format_, steps, shown, len(fields))
    return RolloutRequest(output, steps, grid, every, fields, fps)


def count_frames(steps: int, every: int) -> int:
    """Return the start, each `every`-th of `steps` steps, and the last."""
    return 1 + -(-steps // every)


def parse_format(path: Path) -> Format:
    """Return the format that a file's name asks for.

    Raises:
        InputError: it asks for none that is known.

    """
    return choose_by_name(path, get_args(Format))


def choose_stride(format_: Format, grid: tuple[int, int]) -> int:
    """Return of how many cells along each axis one is shown; only a page leaves any out."""
    return -(-max(grid) // _PAGE_CELLS) if format_ == "html" else 1


def count_shown_cells(grid: tuple[int, int], stride: int) -> int:
    """Return the cells of a grid of which each `stride`-th of both axes is shown."""
    return -(-grid[0] // stride) * -(-grid[1] // stride)


def choose_every(format_: Format, steps: int, cells: int, fields: int) -> int:
    """Return the steps between two frames: 1, or as many as a page needs to stay small."""
    if format_ != "html":
        return 1
    most = min(_MOST_FRAMES, max(2, LARGEST_FRAMES // (cells * fields)))
    return max(1, -(-steps // (most - 1)))


def require_possible(request: RolloutRequest, d_state: int) -> None:
    """Refuse what cannot be written: nothing to encode with, no folder, too much of it.

    Raises:
        InputError: more frames than a page, or any file, can hold.
        LaunchError: an encoder or a folder is missing, or something else than a file is there.
        PlanError: more than memory or disk have free.

    """
    _require_encoder(request.format)
    _require_place(request.output)
    if request.frames > _MOST_FRAMES:
        raise InputError(
            f"{request.frames:,} frames are more than {_MOST_FRAMES:,}",
            hint=f"Keep fewer: --every {-(-request.steps // (_MOST_FRAMES - 1))} or more.",
        )
    if request.format == "html":
        _require_small_page(request)
    _require_memory(request, d_state)
    _require_disk(request, d_state)


def count_kept_bytes(request: RolloutRequest, d_state: int) -> int:
    """Return the bytes that the recording of a rollout takes in memory."""
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
    folder = output.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        problem = "cannot be written" if folder.is_dir() else "does not exist"
        raise LaunchError(
            f"the folder {folder} {problem}", hint="Give another output with -o FILE."
        )
    try:
        check_plain(output, follow=False)
    except OSError as error:
        raise LaunchError(
            f"cannot write {output}: {error.strerror}", hint="Give another output with -o FILE."
        ) from None


def _require_small_page(request: RolloutRequest) -> None:
    size = request.frames * request.shown_cells * len(request.fields)
    if size > LARGEST_FRAMES:
        every = choose_every("html", request.steps, request.shown_cells, len(request.fields))
        largest = format_size(LARGEST_FRAMES * 4 // 3)
        raise InputError(
            f"{request.size_text} make a page of up to {format_size(size * 4 // 3)}; "
            f"a page may have {largest}",
            hint=f"Keep fewer frames (--every {every}) or fields (--field), or write a video.",
        )


def _require_memory(request: RolloutRequest, d_state: int) -> None:
    # The frames are stacked once more when they are drawn or written.
    needed, free = 2 * count_kept_bytes(request, d_state), psutil.virtual_memory().available
    if needed > free:
        raise PlanError(
            f"{request.size_text} need {format_size(needed)} of memory; "
            f"{format_size(free)} are available",
            hint="Keep fewer frames with --every, or choose a smaller --grid.",
        )


def _require_disk(request: RolloutRequest, d_state: int) -> None:
    """Refuse what the disk cannot hold; pictures are small, states are not compressed."""
    needed = count_kept_bytes(request, d_state) if request.keeps_states else 0
    free = shutil.disk_usage(request.output.parent).free - _MARGIN
    if needed > free:
        raise PlanError(
            f"{request.output.name} will take {format_size(needed)}; the disk has "
            f"{format_size(max(0, free))} to spare",
            hint="Keep fewer states with --every, or write to another disk.",
        )
