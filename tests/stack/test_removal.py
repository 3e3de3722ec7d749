"""The resources that `qca down` removes if a project has no containers left."""

from contextlib import contextmanager
from typing import Any

import pytest

from infra.stack import removal as module
from infra.stack.containers import MADE_LABEL, PROJECT_LABEL, VOLUME_LABEL
from infra.stack.removal import remove_project


class VolumesOnly:
    """An engine that has only volumes of the project."""

    def __init__(self, volumes: dict[str, dict[str, str]]) -> None:
        self.left = volumes

    def containers(self, **_: Any) -> list[dict[str, Any]]:
        return []

    def networks(self, **_: Any) -> list[dict[str, Any]]:
        return []

    def volumes(self, **_: Any) -> dict[str, Any]:
        return {"Volumes": [{"Name": name, "Labels": own} for name, own in self.left.items()]}

    def remove_volume(self, name: str) -> None:
        del self.left[name]


VOLUMES = {
    "app_runs": {VOLUME_LABEL: "runs"},
    "app_password": {VOLUME_LABEL: "secret", MADE_LABEL: "secret"},
    "app_secret": {VOLUME_LABEL: "secret"},
    "app_database": {VOLUME_LABEL: "database"},
}


@pytest.mark.parametrize(
    ("volumes", "left"),
    [(False, ["app_runs", "app_secret", "app_database"]), (True, ["app_secret", "app_database"])],
)
def test_volumes_of_an_application_are_kept(tmp_path, monkeypatch, volumes, left):
    engine = VolumesOnly({name: {PROJECT_LABEL: "app", **own} for name, own in VOLUMES.items()})

    @contextmanager
    def connect():
        yield engine

    monkeypatch.setattr(module, "connect_engine", connect)
    removed = remove_project("app", tmp_path, volumes=volumes)
    assert list(engine.left) == left
    assert (removed.volumes, removed.kept_volumes) == (
        (("app_runs",), ()) if volumes else ((), ("app_runs",))
    )
