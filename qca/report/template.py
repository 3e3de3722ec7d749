"""Load the page's templates, with the filters that they use."""

# jinja2 leaves `Environment.filters` without types.
# pyright: reportUnknownMemberType=false
from collections.abc import Callable
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from qca.core.units import format_size
from qca.report.formatting import format_statistic, format_time, render_prose


def build_environment(clean: Callable[[str], str]) -> Environment:
    """Return the environment of the templates; `clean` removes names of people and machines."""

    def clean_text(value: object) -> str:
        return clean(str(value))

    def render_clean_prose(value: object) -> Markup:
        return render_prose(clean(str(value)))

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
        "prose": render_clean_prose,
        "clean": clean_text,
    }
    return environment


def read_asset(name: str) -> str:
    """Return the text of a template or a style sheet of this package."""
    return (files("qca.report") / name).read_text(encoding="utf-8")
