"""Simulate the entry points of an installed package."""

import importlib.metadata
from importlib.metadata import EntryPoint, EntryPoints

import pytest


def install(monkeypatch: pytest.MonkeyPatch, group: str, module: str, **names: str) -> None:
    """Declare entry points of one group: NAME="ATTRIBUTE" of a module."""
    points = EntryPoints(
        EntryPoint(name, f"{module}:{attribute}", group) for name, attribute in names.items()
    )
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda **selection: points.select(**selection)
    )
