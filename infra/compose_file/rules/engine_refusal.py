"""Describe why Docker Engine does not start a container."""

from infra.compose_file.model import Refusal
from infra.compose_file.yaml.tree import Items, Origin, Table, Value, to_text


def refuse(what: str, docker: str, origin: Origin) -> Refusal:
    """Return the refusal of a setting, with the engine's message."""
    return Refusal.at(f"{what}.\nDocker reports: {docker}", origin)


def is_set(value: Value) -> bool:
    """Return whether a key has a value that is not empty."""
    return len(value) > 0 if isinstance(value, Items | Table) else bool(to_text(value))
