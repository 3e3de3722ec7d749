"""The templates and what they print with."""

from collections.abc import Callable
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

from qca.core.units import format_size
from qca.report.formatting import format_statistic, format_time, render_prose


def build_environment(clean: Callable[[str], str]) -> Environment:
    """Return the environment of the templates; `clean` takes names of people and machines out."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        lstrip_blocks=True,
        loader=FunctionLoader(read_asset),
    )
    environment.filters |= {
        "size": format_size,
        "statistic": format_statistic,
        "time": format_time,
        "prose": lambda text: render_prose(clean(str(text))),
        "clean": lambda text: clean(str(text)),
    }
    return environment


def read_asset(name: str) -> str:
    """Return the text of a template or a style sheet of this package."""
    return (files("qca.report") / name).read_text(encoding="utf-8")
