"""Compose's own values take precedence; the lines stay those of the files."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.compose_file.load import read_compose_files
from infra.compose_file.model import ComposeFile
from infra.compose_file.resolved_by_compose import apply_refusal
from infra.doctor.examine import examine
from infra.doctor.examined_files import confirm
from infra.doctor.finding import Finding, Severity
from infra.host.facts import ComposePlugin
from tests.support.hosts import config, host

TEXT = (
    "services:\n  cache:\n    image: dragonflydb/dragonfly\n    command: --maxmemory=2G --hz=$H\n"
    "    mem_limit: 3g\n    cpus: 1.50\n    environment: {A: a, TOKEN: $SECRET}\n"
)
ANSWER = {
    "services": {
        "cache": {
            "image": "dragonflydb/dragonfly",
            "command": ["--maxmemory=2G", "--hz=7"],
            "mem_limit": "3221225472",
            "cpus": 1.5,
            "environment": {"A": "a", "B": "of Compose"},
            "ports": [{"target": 6379, "published": "6379", "protocol": "tcp"}],
        },
        "more": {"image": "x"},
    }
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.yml").write_text(TEXT)
    return tmp_path


def _docker(folder: Path, says: str, code: int = 0, complains: str = "") -> ComposePlugin:
    """A `docker` that records its arguments, and prints the given answer."""
    (folder / "says").write_text(says)
    (folder / "complains").write_text(complains)
    program = folder / "docker"
    program.write_text(
        f'#!/bin/sh\necho "$@" > {folder}/called\ncat {folder}/says\n'
        f"cat {folder}/complains >&2\nexit {code}\n"
    )
    program.chmod(0o755)
    return ComposePlugin(version="2.40.3", docker_client=str(program))


def _confirm(folder: Path, says: Any, code: int = 0, complains: str = "") -> ComposeFile:
    paths = [folder / "a.yml"]
    plugin = _docker(folder, says if isinstance(says, str) else json.dumps(says), code, complains)
    return confirm(read_compose_files(paths, {}), paths, plugin, {"PATH": "/usr/bin:/bin"})


def _finding(file: ComposeFile, check: str) -> Finding:
    return next(f for f in examine(host(), config(), files=[file]) if f.id == check and f.location)


def test_values_are_composes_and_positions_are_ours(folder):
    file = _confirm(folder, ANSWER)

    cache, more = file.services
    assert [text.value for text in cache.command] == ["--maxmemory=2G", "--hz=7"]
    assert [text.line for text in cache.command] == [4, 2]  # the second one cannot be found
    assert cache.memory_limit
    assert (cache.memory_limit.raw, cache.memory_limit.line) == ("3g", 5)
    assert cache.cpus
    assert (cache.cpus.raw, cache.cpus.line) == ("1.50", 6)
    assert {name: text.value for name, text in cache.environment.items()} == {
        "A": "a",
        "B": "of Compose",
    }
    assert more.name == "more"
    assert _finding(file, "QCA707").severity is Severity.OK
    assert "as Compose 2.40.3 merges it" in _finding(file, "QCA701").message


def test_compose_is_called_only_with_the_files(folder):
    _confirm(folder, ANSWER)

    assert (folder / "called").read_text().split() == [
        *("compose", "-f", str(folder / "a.yml"), "--project-directory", str(folder)),
        *("config", "--format", "json"),
    ]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("services.cache.cpus: invalid 'open:sesame'", "services.cache.cpus: invalid '***'"),
        ("cannot fetch https://x/open%3Asesame/y", "cannot fetch https://x/***/y"),
        ("services.cache.init must be true", "services.cache.init must be true"),
    ],
)
def test_a_refusal_has_composes_message_without_secrets(folder, message, shown):
    (folder / ".env").write_text("WORD=open:sesame\nDEBUG=true\n")

    file = _confirm(folder, "", 1, message)
    finding = _finding(file, "QCA707")

    assert finding.severity is Severity.ERROR
    assert finding.message.endswith(f"It reports: {shown}")


def test_secrets_of_an_include_are_masked_too(folder):
    """The value with its variables filled in, as Compose would repeat it."""
    (folder / "a.yml").write_text("include: [{path: b.yml, env_file: more.env}]\n" + TEXT)
    (folder / "b.yml").write_text("services: {}\n")
    (folder / "more.env").write_text("BASE=hunter\nSECRET=$BASE-and-more\n")

    file = _confirm(folder, "", 1, "invalid 'hunter-and-more'")

    assert "invalid '***'" in _finding(file, "QCA707").message


@pytest.mark.parametrize("says", ["", "no JSON", "[]", "{}", '{"services": 3}', "[" * 100000])
def test_an_invalid_answer_keeps_our_own_reading(folder, says):
    file = _confirm(folder, says)

    assert file.confirmed_by == ""
    assert file.services == read_compose_files([folder / "a.yml"], {}).services
    assert _finding(file, "QCA707").severity is Severity.SKIPPED


def test_compose_is_not_called_for_files_with_references_outside_the_folder(folder):
    (folder / "a.yml").write_text("include: [../x.yml]\n" + TEXT)

    file = _confirm(folder, ANSWER)

    assert not (folder / "called").exists()
    assert _finding(file, "QCA707").severity is Severity.SKIPPED
    assert "out of the file's folder" in _finding(file, "QCA707").message
    assert _finding(file, "QCA701").severity is Severity.SKIPPED


def test_random_behavior_of_compose_stays_uncertain_despite_an_answer(folder):
    (folder / "a.yml").write_text(
        "services:\n  cache: {extends: base, image: dragonflydb/dragonfly}\n"
        "  base: {extends: last, cpus: !reset null}\n  last: {image: x, cpus: 9}\n"
    )

    file = _confirm(folder, {"services": {"cache": {"image": "dragonflydb/dragonfly"}}})

    assert _finding(file, "QCA707").severity is Severity.OK
    assert _finding(file, "QCA701").severity is Severity.SKIPPED
    assert _finding(file, "QCA301").severity is Severity.SKIPPED


def test_composes_message_names_a_service_that_a_variable_is_named_like(tmp_path):
    (tmp_path / ".env").write_text("DB_USER=postgres\nDB_NAME=webapp\nDB_PASS=s3same\n")
    (tmp_path / "compose.yaml").write_text(
        "services: {postgres: {image: 'x:${DB_USER}', depends_on: [webapp]}}\n"
    )
    file = read_compose_files([tmp_path / "compose.yaml"], {})

    answered = apply_refusal(
        file, 'service "postgres" depends on undefined service "webapp": s3same'
    )

    assert answered.refused == 'service "postgres" depends on undefined service "webapp": ***'
