"""The services that a plain `up` starts, by profiles and by the number of containers."""

from pathlib import Path

import pytest

from infra.compose_file.load import read_compose_files
from infra.compose_file.model import ComposeFile
from infra.compose_file.started import keep_started, split_dormant

TEXT = (
    "services:\n  web: {image: x}\n  one: {image: x, profiles: [p]}\n"
    "  two: {image: x, profiles: [p, q]}\n  off: {image: x, scale: 0}\n"
    "  none: {image: x, deploy: {replicas: 0}}\n  db: {provider: {type: cloud}}\n"
)


def _read(folder: Path, *profiles: str, **environment: str) -> ComposeFile:
    (folder / "compose.yml").write_text(TEXT)
    return read_compose_files([folder / "compose.yml"], environment, profiles)


def _names(file: ComposeFile) -> list[str]:
    return [service.name for service in keep_started(file).services]


@pytest.mark.parametrize(
    ("profiles", "environment", "started"),
    [
        ((), {}, ["web"]),
        (("p",), {}, ["web", "one", "two"]),
        (("q",), {}, ["web", "two"]),
        (("*",), {}, ["web", "one", "two"]),
        ((), {"COMPOSE_PROFILES": "z, q"}, ["web", "two"]),
        (("p",), {"COMPOSE_PROFILES": "q"}, ["web", "one", "two"]),
    ],
)
def test_active_profiles(tmp_path, profiles, environment, started):
    assert _names(_read(tmp_path, *profiles, **environment)) == started


def test_profiles_of_the_dotenv_count(tmp_path):
    (tmp_path / ".env").write_text("COMPOSE_PROFILES=q\n")

    assert _names(_read(tmp_path)) == ["web", "two"]


def test_services_that_are_not_started_have_a_reason(tmp_path):
    dormant = dict(split_dormant(_read(tmp_path)))

    assert {why: [one.name for one in file.services] for why, file in dormant.items()} == {
        "only with profile p": ["one"],
        "only with profile p or q": ["two"],
        "scale is 0": ["off"],
        "replicas is 0": ["none"],
        "its provider creates it, without a container": ["db"],
    }
