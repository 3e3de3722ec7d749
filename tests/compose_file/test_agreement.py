"""Files are read as Compose reads them, and refused if Compose refuses them."""

import json
from pathlib import Path

import pytest

from infra.compose_file.config_json import project_to_json
from infra.compose_file.load import read_compose_file
from infra.compose_file.project import Project, read_project
from infra.compose_file.yaml.tree import descend, to_items, to_table
from tests.support.reading_cases import REFUSED, TAKEN, write_service


def _read(folder: Path, text: str, **environment: str) -> Project:
    path = folder / "compose.yml"
    path.write_text(text)
    return read_project([path], environment)


@pytest.mark.parametrize("name", TAKEN)
def test_values_equal_composes(tmp_path, name):
    keys, key, expected = TAKEN[name]

    project = _read(tmp_path, write_service(keys).replace("image: x\n    image", "image"))

    assert project.refusals == ()
    assert project_to_json(project)["services"]["a"][key] == expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_has_its_line_and_composes_message(tmp_path, name):
    text, line, words = REFUSED[name]

    first = _read(tmp_path, text).refusals[0]

    assert (first.line, first.file) == (line, str(tmp_path / "compose.yml"))
    assert words in first.message


@pytest.mark.parametrize("name", REFUSED)
def test_the_rest_of_a_refused_file_is_still_read(tmp_path, name):
    """The doctor checks the parts that it can read."""
    path = tmp_path / "compose.yml"
    path.write_text(REFUSED[name][0] + "x-end: 1\n")

    file = read_compose_file(path, {})

    assert file.refusals
    assert "x-end" in file.keys


PORTS = "    ports: ['1-65535:1-65535', '1-65535:1-65535/udp']\n"


def test_a_range_of_any_length_is_one_entry(tmp_path):
    project = _read(tmp_path, f"services:\n  a:\n    image: x\n{PORTS}")

    entries = to_items(descend(project.top, "services", "a").get("ports"))
    assert [to_table(entry)["target"] for entry in entries] == ["1-65535", "1-65535"]
    assert len(project_to_json(project)["services"]["a"]["ports"]) == 2 * 65535


def test_unused_resources_are_omitted(tmp_path):
    text = write_service("networks: [n]\nvolumes: ['vol:/v']") + (
        "networks: {n: {external: true}, m: {}}\nvolumes: {vol: {name: own}, unused: {}}\n"
    )

    document = project_to_json(_read(tmp_path, text, COMPOSE_PROJECT_NAME="p"))

    assert document["networks"] == {"n": {"name": "n", "external": True, "ipam": {}}}
    assert document["volumes"] == {"vol": {"name": "own"}}
    assert json.loads(json.dumps(document)) == document


@pytest.mark.parametrize("text", ["networks: {n: {}}\n", "volumes: {v: {}}\n", "x-a: 1\n"])
def test_a_file_without_services_is_a_project_without_services(tmp_path, text):
    project = _read(tmp_path, text)

    assert project.refusals == ()
    assert project_to_json(project)["services"] == {}


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_files_with_a_byte_order_mark(tmp_path, codec):
    (tmp_path / "compose.yml").write_bytes(write_service("user: é").encode(codec))

    project = read_project([tmp_path / "compose.yml"], {})

    assert project_to_json(project)["services"]["a"]["user"] == "é"


@pytest.mark.parametrize(
    ("text", "environment", "name"),
    [
        ("", {}, "folder1"),
        ("name: My App\n", {}, "myapp"),
        ("name: ${N:-other}\n", {}, "other"),
        ("name: own\n", {"COMPOSE_PROJECT_NAME": "given"}, "given"),
        ("name: own\n", {"COMPOSE_PROJECT_NAME": ""}, "own"),
    ],
)
def test_the_name_of_a_project(tmp_path, text, environment, name):
    folder = tmp_path / "Folder_1"
    folder.mkdir()

    project = _read(folder, text + write_service("user: $COMPOSE_PROJECT_NAME"), **environment)

    assert project.name == name.replace("folder1", "folder_1")
    assert project_to_json(project)["services"]["a"]["user"] == project.name


def test_env_files_can_be_given_or_omitted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("A=dotenv\n")
    (tmp_path / "one.env").write_text("A=one\nB=one\n")
    (tmp_path / "two.env").write_text("B=two\n")
    text = write_service("user: '${A:-}${B:-}'")

    def read_user(**environment: str) -> str:
        return project_to_json(_read(tmp_path, text, **environment))["services"]["a"].get("user")

    assert read_user() == "dotenv"
    assert read_user(COMPOSE_ENV_FILES="one.env,two.env") == "onetwo"
    assert read_user(COMPOSE_DISABLE_ENV_FILE="true") is None


def test_an_env_file_can_use_variables_of_environment(tmp_path):
    (tmp_path / "e.env").write_text("A=$B\nC=file\n")
    keys = "env_file: [{path: e.env}]\nenvironment: {B: own, C: mine}"

    project = _read(tmp_path, write_service(keys))

    assert project_to_json(project)["services"]["a"]["environment"] == {
        "A": "own",
        "B": "own",
        "C": "mine",
    }


def test_a_later_env_file_can_use_variables_of_an_earlier_one(tmp_path):
    (tmp_path / "e.env").write_text("A=e\nB=e\n")
    (tmp_path / "f.env").write_text("C=$A\nA=f\nD=$A$B\n")

    project = _read(tmp_path, write_service("env_file: [e.env, f.env]"))

    environment = project_to_json(project)["services"]["a"]["environment"]
    assert environment == {"A": "f", "B": "e", "C": "e", "D": "fe"}


def test_a_raw_env_file_is_read_verbatim(tmp_path):
    (tmp_path / "e.env").write_text("# no\nA='$B' # c\n")

    project = _read(tmp_path, write_service("env_file: [{path: e.env, format: raw}]"))

    environment = project_to_json(project)["services"]["a"]["environment"]
    assert environment == {"A": "'$$B' # c"}


@pytest.mark.parametrize(
    ("version", "refused"), [((2, 40, 3), True), ((5, 6, 1), False), (None, False)]
)
def test_an_older_compose_supports_fewer_keys(tmp_path, version, refused):
    path = tmp_path / "compose.yml"
    path.write_text(write_service("pre_start: [{command: x}]"))

    project = read_project([path], {}, version=version)

    assert [one.line for one in project.refusals] == ([4] if refused else [])
