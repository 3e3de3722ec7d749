"""`python -m infra.compose_file` prints the project, or the reason why Compose would refuse it."""

import json

import pytest
from click.testing import CliRunner, Result

from infra.compose_file.__main__ import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COMPOSE_PROFILES", raising=False)
    return tmp_path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_files_are_merged_and_printed(folder):
    (folder / "a.yml").write_text("name: p\nservices: {a: {image: x}}\n")
    (folder / "b.yml").write_text("services: {a: {cpus: 2}, b: {image: y, profiles: [q]}}\n")

    plain, with_q = _run("-f", "a.yml", "-f", "b.yml"), _run("-f", "b.yml", "--profile", "q")

    document = json.loads(plain.stdout)
    assert document["services"]["a"]["cpus"] == 2
    assert list(document["services"]) == ["a"]
    assert (plain.exit_code, plain.stderr) == (0, "")
    assert with_q.exit_code == 2  # `a` has no image there
    assert "b.yml:1: " in with_q.stderr


def test_the_files_are_those_that_compose_finds(folder):
    (folder / "compose.yml").write_text("services: {a: {image: x}}\n")
    (folder / "compose.override.yml").write_text("services: {a: {user: me}}\n")

    assert json.loads(_run().stdout)["services"]["a"]["user"] == "me"


def test_references_outside_the_folder_are_followed_on_request(folder):
    (folder / "app").mkdir()
    (folder / "base.yml").write_text("services: {b: {image: x}}\n")
    text = "services: {a: {extends: {file: ../base.yml, service: b}}}\n"
    (folder / "app/compose.yml").write_text(text)

    assert json.loads(_run("-f", "app/compose.yml").stdout)["services"]["a"]["image"] == "x"


def test_the_network_is_never_used(folder):
    (folder / "a.yml").write_text("include: ['https://example.org/c.yml']\nx-a: 1\n")

    result = _run("-f", "a.yml")

    assert "a.yml:1: `include`: https://example.org/c.yml is on another machine" in result.stderr
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("services:\n  a:\n    image: x\n    comand: y\n", "a.yml:4: services.a additional"),
        ("services:\n  a: [\n", "a.yml:2: "),
        ("", "empty compose file"),
    ],
)
def test_a_refusal_exits_with_2_and_names_file_and_line(folder, text, says):
    (folder / "a.yml").write_text(text)

    result = _run("-f", "a.yml")

    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_a_missing_file_exits_with_2(folder):
    result = _run()

    assert result.exit_code == 2
    assert "no configuration file provided" in result.stderr


NINES = "9" * 5000


@pytest.mark.parametrize(
    "key",
    [
        "cpus: 'NINES'",
        "cpus: nan",
        "deploy: {resources: {limits: {cpus: 'NINES'}}}",
        "mem_limit: NINESk",
        "ports: ['NINES']",
    ],
)
def test_numbers_that_no_machine_can_hold_are_refused(folder, key):
    text = f"services:\n  a:\n    image: x\n    {key}\n"
    (folder / "compose.yml").write_text(text.replace("NINES", NINES))

    result = _run()

    assert result.exit_code == 2
    assert "compose.yml:4: " in result.stderr


@pytest.mark.parametrize(
    "key",
    [
        "ports: [{target: 80, published: 'NINES'}]",
        "gpus: [{count: 'NINES'}]",
    ],
)
def test_absurd_numbers_cause_no_traceback(folder, key):
    text = f"services:\n  a:\n    image: x\n    {key}\n"
    (folder / "compose.yml").write_text(text.replace("NINES", NINES))

    assert _run().exit_code in (0, 2)
