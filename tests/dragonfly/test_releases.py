"""Dragonfly's releases are read from the tags of images."""

import pytest

from infra.dragonfly.releases import (
    LATEST,
    describe_license,
    format_release,
    is_read,
    parse_release,
)


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("docker.dragonflydb.io/dragonflydb/dragonfly:v1.14.2", (1, 14, 2)),
        ("ghcr.io/dragonflydb/dragonfly:v1.9.0-alpine", (1, 9, 0)),
        ("docker.dragonflydb.io/dragonflydb/dragonfly:v2.1", (2, 1, 0)),
        ("localhost:5000/dragonflydb/dragonfly", LATEST),
        ("dragonflydb/dragonfly:latest", LATEST),
        ("dragonflydb/dragonfly:v1.30.1@sha256:abc", (1, 30, 1)),
        ("", LATEST),
    ],
)
def test_the_release_of_an_image(image, release):
    assert parse_release(image) == release


def test_the_rules_of_v1_are_known_from_sources_and_those_of_v2_are_not():
    assert is_read((1, 40, 1))
    assert not is_read((2, 0, 0))


def test_a_release_is_written_as_its_tag():
    assert format_release((1, 40, 1)) == "v1.40.1"


def test_v2_1_has_another_license():
    assert describe_license((1, 40, 1)) == describe_license((2, 0, 0)) == ""
    assert "DSAL" in describe_license(LATEST)
