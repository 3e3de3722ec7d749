"""Plugins: objects that installed packages add through Python's entry points. Works without torch.

A group such as `qca.fields` maps a name to an object of the package that declares it:

    [project.entry-points."qca.fields"]
    vorticity = "my_package:vorticity"

Code is loaded only from an installed package, never from a path in a configuration.
"""

from typing import TYPE_CHECKING, TypeVar

from qca.core.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


def list_plugins(group: str) -> "dict[str, EntryPoint]":
    """Return the entry points of a group by name, sorted, without loading them."""
    from importlib.metadata import entry_points  # slow to import and rarely needed

    found = sorted(entry_points(group=group), key=lambda point: point.name)
    return {point.name: point for point in found}


def load_plugin(point: "EntryPoint", kind: type[T]) -> T:
    """Load the object that an entry point names.

    Raises:
        InputError: it cannot be loaded, or is not a `kind`; the message names the package.

    """
    package = point.dist.name if point.dist else "an installed package"
    try:
        plugin = point.load()
    except Exception as error:  # importing another package may raise anything
        raise InputError(
            f"{package}: {point.group} {point.name!r} cannot be loaded: {error}",
            hint=f"Fix or uninstall {package}.",
        ) from None
    if not isinstance(plugin, kind):
        raise InputError(
            f"{package}: {point.group} {point.name!r} is a {type(plugin).__name__}, "
            f"not a {kind.__name__}",
            hint=f"Fix or uninstall {package}.",
        )
    return plugin
