"""No file makes the doctor leave its folder, use a network, or wait forever."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import Program

SECRET = "precious-4711"

FAKE = """\
#!/bin/sh
echo "$0 $*" >>{trace}
case "$*" in
  "compose version") echo "Docker Compose version v2.40.3";;
  *config*) echo '{{"services": {{"a": {{"image": "x"}}}}}}';;
esac
"""


@pytest.fixture
def guarded(qca: Program) -> Program:
    """The program with a `git` and a Compose that record their arguments."""
    programs = qca.folder / "bin"
    programs.mkdir()
    for name in ("git", "docker", "ssh", "curl"):
        (programs / name).write_text(FAKE.format(trace=qca.folder / "trace"))
        (programs / name).chmod(0o755)
    (qca.folder / "project").mkdir()
    (qca.folder / "outside").write_text(f"SECRET_VALUE={SECRET}\nservices: {{b: {{image: y}}}}\n")
    variables = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "DEPLOY_TOKEN": SECRET,
        "DOCKER_HOST": "unix:///nonexistent",
    }
    return type(qca)(qca.folder / "project", variables)


def calls(program: Program) -> list[str]:
    trace = program.folder.parent / "trace"
    return trace.read_text().splitlines() if trace.exists() else []


REMOTE = [
    "who@host.example:${DEPLOY_TOKEN}.git",
    "git@host.example:o/r.git",
    "github.com/owner/repository.git",
    "GitHub.com/owner/repository.git#main:sub",
    "https://host.example/${DEPLOY_TOKEN}/compose.yml",
    "git://host.example/r",
    "ssh://git@host.example/r.git",
    "oci://host.example/image:tag",
    "file:///etc/passwd",
]
WAYS = {
    "include": "include: ['{}']",
    "a long include": "include: [{path: ['{}'], project_directory: '.'}]",
    "extends": "services: {x: {extends: {file: '{}', service: a}}}",
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_files_on_other_machines_are_not_requested(guarded, way):
    files = []
    for number, remote in enumerate(REMOTE):
        text = way.replace("{}", remote)
        text += "" if "services" in text else "\nservices: {a: {image: x}}"
        (guarded.folder / f"{number}.yml").write_text(f"{text}\n")
        files.append(f"{number}.yml")
    done = guarded("doctor", "--files-only", *files, "--format", "json", check=None)
    assert [call for call in calls(guarded) if "version" not in call] == []
    findings = json.loads(done.stdout)["findings"]
    unread = {
        one["location"]["file"]
        for one in findings
        if one["id"] == "QCA701" and one["severity"] != "ok"
    }
    assert unread == set(files)
    assert SECRET not in done.stdout + done.stderr


LINKS: dict[str, str] = {
    ".env": "services: {a: {image: 'x:$SECRET_VALUE'}}",
    "a.env": "services: {a: {image: x, env_file: a.env}}",
    "a.yml": "include: [a.yml]\nservices: {a: {image: x}}",
    "b.yml": "services: {a: {extends: {file: b.yml, service: b}}}",
}


@pytest.mark.parametrize(("name", "text"), LINKS.items(), ids=LINKS)
def test_a_link_out_of_the_folder_is_not_followed(guarded, name, text):
    (guarded.folder / name).symlink_to("../outside")
    (guarded.folder / "compose.yaml").write_text(f"{text}\n")
    done = guarded("doctor", "--files-only", "compose.yaml", "--format", "json", check=None)
    assert SECRET not in done.stdout + done.stderr
    assert "b: " not in done.stdout
    assert not [call for call in calls(guarded) if "config" in call]


Plant = Callable[[Path], object]
ODD: dict[str, Plant] = {
    "a pipe": os.mkfifo,
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("plant", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", LINKS)
def test_only_plain_files_are_read_without_waiting(guarded, name, plant):
    plant(guarded.folder / name)
    (guarded.folder / "compose.yaml").write_text(f"{LINKS[name]}\n")
    for words in (("--files-only", "compose.yaml"), ("--timeout", "3")):
        guarded("doctor", *words, check=None, timeout=25)
    assert not [call for call in calls(guarded) if "config" in call]


@pytest.mark.parametrize("plant", ODD.values(), ids=ODD)
@pytest.mark.parametrize("words", [("doctor", "-f"), ("plan", "-c"), ("doctor", "--facts")])
def test_a_file_given_by_the_user_must_be_a_plain_file(guarded, words, plant):
    plant(guarded.folder / "odd")
    assert "odd" in guarded(*words, "odd", check=2, timeout=25).stderr
