"""The catalogue is complete, its IDs are stable, and the docs match it."""

from dataclasses import fields
from pathlib import Path

import pytest

from infra.doctor.catalogue import UnknownCheckError, find_check, write_pages
from infra.doctor.checks import CHECKS
from infra.host.facts import HostFacts

DOCS = Path(__file__).parents[2] / "docs"
CENTURIES = {
    "docker": "1",
    "compose": "2",
    "dragonfly": "3",
    "gpu": "4",
    "python": "5",
    "host": "6",
    "file": "7",
    "security": "8",
}


def _read_pages(docs: Path) -> dict[str, str]:
    pages = (docs / "checks.md", *(docs / "checks").iterdir())
    return {str(page.relative_to(docs)): page.read_text() for page in pages}


def test_the_pages_are_up_to_date(tmp_path):
    write_pages(tmp_path)

    command = "python -m infra.doctor.catalogue docs"
    assert _read_pages(DOCS) == _read_pages(tmp_path), f"out of date; run: {command}"


def test_ids_are_unique_and_in_order():
    ids = [check.id for check in CHECKS]

    assert ids == sorted(set(ids))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_is_complete(check):
    assert check.id[:4] == f"QCA{CENTURIES[check.category]}"
    assert check.url.startswith("https://")
    assert all(len(text) > 10 for text in (check.looks_at, check.why, check.fix))
    assert not check.title.endswith(".")
    assert set(check.needs) <= {field.name for field in fields(HostFacts)}


def test_published_ids_keep_their_meaning():
    titles = {check.id: check.title.lower() for check in CHECKS}

    for check_id, word in {
        "QCA101": "daemon",
        "QCA201": "compose v2",
        "QCA202": "compose v1",
        "QCA203": "cannot talk to the daemon",
        "QCA301": "refuse to start",
        "QCA302": "fit together",
        "QCA401": "gpu for containers",
        "QCA402": "does not fit the gpu",
    }.items():
        assert word in titles[check_id]


@pytest.mark.parametrize("given", ["QCA301", "qca301", " Qca301 ", "301"])
def test_a_check_is_found_by_its_id_in_any_case(given):
    assert find_check(given).id == "QCA301"


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("QCA6O1", ["QCA601"]),
        ("QAC301", ["QCA301"]),
        ("QCA3001", ["QCA301"]),
        ("QCA60", ["QCA603", "QCA602", "QCA601"]),
        ("QCA130", ["QCA103"]),
        ("QCA608", ["QCA603", "QCA602", "QCA601", "QCA806"]),
        ("QCA999", []),
        ("QCA", []),
        ("compose", []),
    ],
)
def test_an_unknown_id_suggests_ids_with_similar_digits(given, near):
    with pytest.raises(UnknownCheckError) as error:
        find_check(given)

    assert list(error.value.near[: len(near)]) == near
    assert bool(error.value.near) is bool(near)


def test_qca203_says_why_a_docker_host_wrapper_cannot_help():
    assert "DOCKER_HOST" in find_check("QCA203").why
    assert "cannot help" in find_check("QCA203").why
