"""Write frames as an animated GIF or a contact sheet, with Pillow."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qca.core.distribution import explain_install
from qca.core.errors import LaunchError
from qca.rollout.recording import DrawnField

if TYPE_CHECKING:
    from types import ModuleType

# The approximate width of a grid; each cell has a whole number of pixels.
_PICTURE_WIDTH = 512
_SHEET_WIDTH = 160  # the same for a frame of a contact sheet
_SHEET_FRAMES = 8  # per row; more would be too small to see
_GAP = 8  # pixels between pictures
_LABEL = 16  # pixels above each row of a contact sheet


def _choose_scale(cells: int, width: int = _PICTURE_WIDTH) -> int:
    """Return the pixels per cell that make `cells` cells about `width` pixels wide."""
    return max(1, width // cells)


def paint_frame(fields: list[DrawnField], frame: int, scale: int) -> NDArray[np.uint8]:
    """Return a frame's fields side by side, enlarged: uint8 (height, width, 3)."""
    parts: list[NDArray[np.uint8]] = []
    for drawn in fields:
        picture = drawn.paint(frame).repeat(scale, axis=0).repeat(scale, axis=1)
        if parts:
            parts.append(np.zeros((picture.shape[0], _GAP, 3), np.uint8))
        parts.append(picture)
    return np.concatenate(parts, axis=1)


def paint_frames(fields: list[DrawnField]) -> Iterator[NDArray[np.uint8]]:
    """Yield every frame, all of the same size with even sides, as video requires."""
    scale = _choose_scale(max(fields[0].frames.shape[1:]))
    for frame in range(len(fields[0].frames)):
        yield paint_frame(fields, frame, scale)


def write_gif(path: Path, fields: list[DrawnField], fps: float) -> None:
    """Write an animated GIF that loops."""
    image = load_pillow()
    first, *rest = [image.fromarray(frame) for frame in paint_frames(fields)]
    # A GIF counts in hundredths of a second, and browsers slow down frames shorter than two.
    duration = max(20, round(100 / fps) * 10)
    first.save(path, format="GIF", save_all=True, append_images=rest, duration=duration, loop=0)


def write_contact_sheet(path: Path, fields: list[DrawnField], steps: list[int]) -> None:
    """Write a PNG with a row of frames for each field, from the first to the last."""
    image = load_pillow()
    from PIL import ImageDraw

    frames = choose_frames(len(steps))
    scale = _choose_scale(max(fields[0].frames.shape[1:]), _SHEET_WIDTH)
    rows, columns = (side * scale for side in fields[0].frames.shape[1:])
    size = (len(frames) * (columns + _GAP) + _GAP, len(fields) * (rows + _LABEL + _GAP) + _GAP)
    sheet = image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for row, drawn in enumerate(fields):
        top = _GAP + row * (rows + _LABEL + _GAP)
        for column, frame in enumerate(frames):
            left = _GAP + column * (columns + _GAP)
            label = f"{drawn.name}, step {steps[frame]}" if column == 0 else f"step {steps[frame]}"
            draw.text((left, top), label, fill="black")
            picture = image.fromarray(paint_frame([drawn], frame, scale))
            sheet.paste(picture, (left, top + _LABEL))
    sheet.save(path, format="PNG")


def choose_frames(count: int, most: int = _SHEET_FRAMES) -> list[int]:
    """Return the indices of up to `most` frames out of `count`: the first, the last, and evenly
    spaced ones."""
    chosen = min(count, most)
    return [round((count - 1) * number / max(1, chosen - 1)) for number in range(chosen)]


def load_pillow() -> "ModuleType":
    """Return Pillow's module `Image`.

    Raises:
        LaunchError: it is not installed.

    """
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise LaunchError(
            "pictures need Pillow, which is not installed",
            hint=f"Write a .html file, which does not need it. {explain_install('video')}",
        ) from None
    return Image
