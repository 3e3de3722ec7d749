"""Render a rollout as one self-contained HTML page with a player.

For each field, a frame has the palette index of each cell, as one byte. All frames are compressed
together; the page's script unpacks and colors them. The page loads nothing, and its
Content-Security-Policy forbids loading.
"""

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from qca.core.distribution import read_version
from qca.rollout.recording import DrawnField, Recording, draw_fields, list_measure_units

# This limits a page to 15 MB: base64 adds a third, and frames of noise do not compress.
LARGEST_FRAMES = 10_500_000
"""The maximum size of a page's frames in bytes: frames times fields times cells."""


@dataclass(frozen=True)
class Player:
    """The title, the subtitle and the speed of a page's player."""

    title: str
    subtitle: str
    fps: float


def render_player(player: Player, recording: Recording) -> str:
    """Return the page as HTML."""
    drawn = draw_fields(recording)
    frames = b"".join(field.frames.tobytes() for field in drawn)
    document = {
        "steps": recording.steps,
        "grid": list(drawn[0].frames.shape[1:]),
        "fps": player.fps,
        "fields": [_describe_field(field) for field in drawn],
        "shown": choose_shown(drawn),
        "measures": _describe_measures(recording.measures),
        "frames": base64.b64encode(zlib.compress(frames, 9)).decode(),
    }
    here = files("qca.rollout") / "assets"
    style, drawing, script = (
        (here / name).read_text(encoding="utf-8") for name in ("page.css", "draw.js", "player.js")
    )
    template = (here / "player.html").read_text(encoding="utf-8")
    return fill_template(
        template,
        {
            "title": html.escape(player.title),
            "subtitle": html.escape(player.subtitle),
            "version": read_version(),
            "style": style,
            "data": embed_json(document),
            "script": drawing + script,
            "hash": hash_script(drawing + script),
        },
    )


def _describe_field(drawn: DrawnField) -> dict[str, object]:
    """Return the values that the script needs to draw and label a field."""
    return {
        "name": drawn.name,
        "unit": drawn.unit,
        "categorical": drawn.is_categorical,
        "lowest": drawn.lowest,
        "highest": drawn.highest,
        "palette": drawn.palette.ravel().tolist(),
    }


def choose_shown(drawn: Sequence[DrawnField]) -> int:
    """Return the field to show first: the density that varies most in the last frame, if any."""
    densities = [number for number, field in enumerate(drawn) if field.name.startswith("density:")]
    return max(densities, key=lambda number: drawn[number].frames[-1].std(), default=0)


def fill_template(template: str, parts: Mapping[str, str]) -> str:
    """Return the template with each `{{name}}` replaced once; inserted text is not expanded."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def embed_json(document: object) -> str:
    """Return JSON that is safe inside a script element."""
    return json.dumps(document, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def hash_script(script: str) -> str:
    """Return the hash that makes a Content-Security-Policy allow an inline script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _describe_measures(measures: Mapping[str, Sequence[float]]) -> list[dict[str, object]]:
    units = list_measure_units()
    return [
        {"name": name.replace("_", " "), "unit": units[name], "values": _replace_unknown(values)}
        for name, values in measures.items()
    ]


def _replace_unknown(values: Sequence[float]) -> list[float | None]:
    """Return the values rounded to six digits, with None for NaN and infinity."""
    return [float(f"{value:.6g}") if abs(value) < float("inf") else None for value in values]
