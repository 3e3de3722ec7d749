"""Render the viewer's page, with the player's colors and charts, and frames from a socket."""

import html
from importlib.resources import files

from qca.automaton.automaton import Automaton
from qca.automaton.start import list_initial_states
from qca.core.distribution import read_version
from qca.core.units import format_count
from qca.measures.choose_field import choose_field, load_fields
from qca.measures.over_time import MEASURES
from qca.measures.palettes import make_palette
from qca.rollout.player import embed_json, fill_template, hash_script
from qca.viewer.messages import FASTEST
from qca.viewer.server import Address
from qca.viewer.simulation import MAX_RADIUS

_MOST_COMPONENTS = 16  # per field; a longer list would be hard to use


def render_page(automaton: Automaton, grid: int, address: Address) -> str:
    """Return the page as HTML; `grid` is the number of cells per side."""
    shared, own = files("qca.rollout") / "assets", files("qca.viewer") / "assets"
    script = "".join(
        (folder / name).read_text(encoding="utf-8")
        for folder, name in ((shared, "draw.js"), (own, "view.js"))
    )
    d_state = automaton.config.d_state
    document = {
        "fields": [_describe_field(name, d_state) for name in list_field_names(d_state)],
        "measures": [
            {"name": measure.name.replace("_", " "), "unit": measure.unit} for measure in MEASURES
        ],
        "starts": list_initial_states(),
        "seed": automaton.config.seed,
        "fastest": FASTEST,
        "largestRadius": min(MAX_RADIUS, grid // 2),
    }
    trained = "at an unknown episode; "
    if automaton.episode is not None:
        trained = f"after {format_count(automaton.episode, 'episode')}; "
    return fill_template(
        (own / "view.html").read_text(encoding="utf-8"),
        {
            "title": html.escape(automaton.name),
            "subtitle": f"The automaton {trained}{grid}\u00d7{grid} cells of {d_state} components, "
            f"stepped on {automaton.device} while this page is open.",
            "version": read_version(),
            "style": (shared / "page.css").read_text(encoding="utf-8"),
            "data": embed_json(document),
            "script": script,
            "hash": hash_script(script),
            "socket": f"{address.page.replace('http', 'ws', 1)}socket",
            "seed": str(automaton.config.seed),
        },
    )


def list_field_names(d_state: int) -> list[str]:
    """Return the fields to choose from, with one entry per component if a field has them."""
    names: list[str] = []
    for name, field in load_fields().items():
        components = range(min(d_state, _MOST_COMPONENTS)) if field.has_component else (None,)
        names += [name if number is None else f"{name}:{number}" for number in components]
    return names


def _describe_field(name: str, d_state: int) -> dict[str, object]:
    field = choose_field(name, d_state).field
    return {
        "name": name,
        "unit": field.unit,
        "categorical": field.scale == "categorical",
        "palette": make_palette(field.scale, d_state).ravel().tolist(),
    }
