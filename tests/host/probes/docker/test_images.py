"""The list of the engine's images, from answers as Docker and Podman give them."""

from pathlib import Path
from typing import Any

import pytest

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import EngineImage
from infra.host.probes import docker
from tests.support.fake_engine import engine_at

DIGEST = f"sha256:{'1' * 64}"


def list_images(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: Any) -> Any:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/d.sock")
    with engine_at(folder / "d.sock", {"/images/json": answer}):
        return docker.list_images(Deadline(10))


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        (
            {"RepoTags": ["redis:8"], "RepoDigests": [f"redis@{DIGEST}"]},
            ("redis:8", f"redis@{DIGEST}"),
        ),
        ({"RepoTags": ["docker.io/library/redis:8"], "RepoDigests": None}, ("redis:8",)),  # Podman
        ({"RepoTags": ["a:1", "b:2"]}, ("a:1", "b:2")),
        ({"RepoTags": None, "RepoDigests": [f"redis@{DIGEST}"]}, (f"redis@{DIGEST}",)),
    ],
)
def test_an_image_is_listed_with_its_names_and_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: dict[str, Any], names: tuple[str, ...]
) -> None:
    found = list_images(tmp_path, monkeypatch, [{**listed, "Size": 42}])

    assert found == (EngineImage(names=names, size=42),)


@pytest.mark.parametrize(
    "listed",
    [
        {"RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]},  # Engine 20.10
        {"RepoTags": [], "RepoDigests": []},
        {},
    ],
)
def test_an_image_without_a_name_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: dict[str, Any]
) -> None:
    assert list_images(tmp_path, monkeypatch, [{**listed, "Size": 42}]) == ()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((500, {"message": "the store is locked"}), "the store is locked"),
        ({"Images": []}, "not a JSON array"),
        ([{"RepoTags": ["a:1"]}], "Size"),
        ([{"RepoTags": "a:1", "Size": 1}], "RepoTags is str"),
        (["a:1"], "is not an object"),
        (b"[", "not a JSON array"),
    ],
)
def test_an_answer_that_is_no_list_of_images_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, reason: str
) -> None:
    with pytest.raises(ProbeError, match=f"images could not be listed: .*{reason}"):
        list_images(tmp_path, monkeypatch, answer)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("unix:///no/such.sock", "No such file or directory"),
        ("ssh://far", "at an ssh:// address are not listed"),
        ("carrier-pigeon://far", "is not an address that docker supports"),
    ],
)
def test_without_an_answer_the_images_are_unknown(
    monkeypatch: pytest.MonkeyPatch, host: str, reason: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(ProbeError, match=reason):
        docker.list_images(Deadline(10))
