"""The facts of live probes that fail, on an empty engine."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.host.errors import ProbeError
from infra.host.facts import Known, Unknown
from infra.stack.live import run
from infra.stack.live.probes import LiveProbe
from infra.stack.live.run import run_probes


class EmptyEngine:
    """The answers of an empty engine."""

    def containers(self, **_: object) -> list[dict[str, Any]]:
        return []

    networks = containers

    def volumes(self, **_: object) -> dict[str, Any]:
        return {"Volumes": None}


@contextlib.contextmanager
def connect_empty_engine() -> Iterator[EmptyEngine]:
    yield EmptyEngine()


def make_probe(fact: str, find: Callable[[], object]) -> LiveProbe:
    return LiveProbe(fact, "look", (), 1, lambda sandbox, work_dir: find())


def find_missing_key() -> object:
    state: dict[str, object] = {}
    return state["OOMKilled"]


def refuse() -> object:
    raise ProbeError("the image has no shell")


def test_no_probe_stops_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(run, "connect_engine", connect_empty_engine)
    probes = [
        make_probe("live_mount", find_missing_key),
        make_probe("live_lookups", refuse),
        make_probe("live_store", lambda: "healthy"),
    ]

    found = run_probes(probes, tmp_path, threading.Event(), announce=lambda probe: None)

    assert found == {
        "live_mount": Unknown(reason="it failed: KeyError: 'OOMKilled'"),
        "live_lookups": Unknown(reason="the image has no shell"),
        "live_store": Known(value="healthy"),
    }
