"""The rules predict whether Compose V1 works, in all measured cells and beyond them."""

import csv
from pathlib import Path

import pytest

from infra.doctor.analysis.compose_v1_compatibility import (
    Breaks,
    NotMeasured,
    Works,
    choose_pins,
    predict,
)

DATA = Path(__file__).parent / "data"


def _cells(name: str) -> list[dict[str, str]]:
    with (DATA / name).open() as file:
        return list(csv.DictReader(file))


MATRIX = _cells("compose_v1_matrix.csv")
CELLS = MATRIX + _cells("compose_v1_more.csv")

SSL_VERSION = "ssl_version"
HTTP_DOCKER = "Not supported URL scheme http+docker"
CHUNKED = "chunked"


def test_the_matrix_is_complete():
    assert len(MATRIX) == 96
    assert sum(cell["ps_exit_code"] == "0" for cell in MATRIX) == 12


@pytest.mark.parametrize(
    "cell", CELLS, ids=lambda cell: f"{cell['docker_py']}-{cell['requests']}-{cell['urllib3']}"
)
def test_every_measured_cell_is_predicted(cell):
    prediction = predict(cell["docker_py"], cell["requests"], cell["urllib3"])

    if cell["ps_exit_code"] == "0":
        assert prediction == Works()
    else:
        assert isinstance(prediction, Breaks)
        assert prediction.error == cell["error_message"]
        assert prediction.error_class == cell["error_class"]


@pytest.mark.parametrize(
    ("docker", "requests", "urllib3", "fragment"),
    [
        ("5.0.3", "2.32.5", "2.5.0", HTTP_DOCKER),  # the seed's host
        ("5.0.3", "2.32.5", "1.26.20", HTTP_DOCKER),  # with only urllib3<2 added
        ("5.0.0", "2.28.2", "1.26.20", None),  # after the whole remedy
        ("6.1.0", "2.31.0", "2.2.1", None),
        ("6.0.1", "2.30.0", "2.0.2", CHUNKED),
        ("6.1.3", "2.32.2", "2.2.1", HTTP_DOCKER),
        ("7.0.0", "2.31.0", "1.26.18", SSL_VERSION),
        ("8.0.0", "3.0.0", "3.0.0", SSL_VERSION),
        ("7.1.0rc1", "2.31.0", "2.2.1", SSL_VERSION),
        ("7", "2.32", "2", SSL_VERSION),
    ],
)
def test_versions_outside_the_matrix(docker, requests, urllib3, fragment):
    prediction = predict(docker, requests, urllib3)

    if fragment is None:
        assert prediction == Works()
    else:
        assert isinstance(prediction, Breaks)
        assert fragment in prediction.error


def test_an_unknown_library_is_not_guessed():
    prediction = predict("5.0.3", "2.25.1", "1.26.20")

    assert isinstance(prediction, NotMeasured)
    assert "chardet" in prediction.reason


def test_an_invalid_version_is_not_guessed():
    assert isinstance(predict("5.0.3", "unknown", "2.5.0"), NotMeasured)


@pytest.mark.parametrize(
    "cell",
    [cell for cell in CELLS if cell["ps_exit_code"] != "0"],
    ids=lambda cell: f"{cell['docker_py']}-{cell['requests']}-{cell['urllib3']}",
)
def test_the_pins_fix_every_broken_cell(cell):
    newest = {"docker>=6.1,<7": ("docker_py", "6.1.3"), "requests<2.32": ("requests", "2.31.0")}
    versions = {name: cell[name] for name in ("docker_py", "requests", "urllib3")}

    pins = choose_pins(*versions.values())
    mended = {**versions, **dict(newest[pin] for pin in pins)}

    assert pins
    assert predict(mended["docker_py"], mended["requests"], mended["urllib3"]) == Works()
