"""QCA713: files and folders that a project's services need."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.doctor.examine import examine
from infra.doctor.examined_files import read_examined_files
from infra.doctor.finding import Finding
from infra.host.facts import HostFacts
from tests.support.hosts import WSL_SYSTEM, config, disk, engine, host
from tests.support.verdicts import OK, SKIPPED, WARNING

BIND = "services: {a: {image: x, volumes: [%s]}}"
CONTEXT = "services: {a: {build: {context: ./app, dockerfile: app.dockerfile}}}"
SECRET = "services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {file: ./token}}"
CONFIG = "services: {a: {image: x, configs: [c]}}\nconfigs: {c: {file: ./c.toml}}"
SECCOMP = "services: {a: {image: x, security_opt: ['seccomp:./s.json']}}"
REFUSING = "{type: bind, source: ./data, target: /data, bind: {create_host_path: false}}"
VOLUME = "services: {a: {image: x, volumes: ['vol:/v']}}\nvolumes: {vol: {driver_opts: %s}}"
BOUND = VOLUME % "{type: none, o: 'bind,ro', device: ./data}"


def find(folder: Path, text: str, facts: HostFacts | None = None) -> list[Finding]:
    (folder / "compose.yaml").write_text(text)
    project = read_examined_files([folder / "compose.yaml"], {})
    findings = examine(facts or host(), config(), files=[project])
    return [one for one in findings if one.id == "QCA713"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BIND % "./redis.conf:/etc/redis.conf", "bind mount redis.conf is missing"),
        (BIND % REFUSING, "bind source path does not exist"),
        (BOUND, "volume device data is missing.\n`docker compose up` fails with: failed to mount"),
        (CONTEXT, "build context app is missing"),
        (SECRET, "secret token is missing"),
        (CONFIG, "config c.toml is missing"),
        (SECCOMP, "seccomp profile s.json is missing"),
    ],
)
def test_what_is_missing_is_reported_once_with_its_line(tmp_path, monkeypatch, text, says):
    monkeypatch.chdir(tmp_path)

    (finding,) = find(Path(), text)

    assert finding.severity is WARNING
    assert says in finding.message
    assert finding.location
    assert finding.location.line in (1, 2)


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (BIND % "./redis.conf:/etc/redis.conf", ["redis.conf"]),
        (BIND % "./new:/data", []),
        (BIND % "./conf.d:/etc/conf.d", []),
        (BIND % "data:/data" + "\nvolumes: {data: {}}", []),
        (BIND % REFUSING, ["data/x"]),
        (BOUND, ["data/x"]),
        (VOLUME % "{type: nfs, o: addr=nas, device: ':/data'}", []),
        (CONTEXT, ["app/app.dockerfile"]),
        ("services: {a: {build: {context: ., dockerfile_inline: FROM x}}}", []),
        ("services: {a: {build: 'https://example.com/x.git'}}", []),
        (SECRET, ["token"]),
        (SECCOMP, ["s.json"]),
        ("services: {a: {image: x, security_opt: ['seccomp=unconfined']}}", []),
        ("services: {a: {image: x, profiles: [p], secrets: [s]}}\nsecrets: {s: {file: ./t}}", []),
    ],
)
def test_what_is_there_or_not_needed_passes(tmp_path, text, files):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    (finding,) = find(tmp_path, text)

    assert finding.severity is OK, finding.message


def test_a_missing_dockerfile_is_reported(tmp_path):
    (tmp_path / "app").mkdir()

    (finding,) = find(tmp_path, CONTEXT)

    assert "app.dockerfile is missing" in finding.message


def test_a_folder_that_docker_created_in_place_of_a_file_is_reported(tmp_path):
    (tmp_path / "redis.conf").mkdir()

    (finding,) = find(tmp_path, BIND % "./redis.conf:/etc/redis.conf")

    assert finding.severity is WARNING
    assert "is a folder, but should be a file" in finding.message


def test_a_path_outside_the_folder_is_not_looked_up(tmp_path):
    (finding,) = find(tmp_path, BIND % "../redis.conf:/etc/redis.conf")

    assert finding.severity is SKIPPED
    assert "outside the folder" in finding.message


def test_a_link_that_leads_outside_the_folder_is_not_followed(tmp_path):
    (tmp_path / "token").symlink_to("/etc/passwd")

    (finding,) = find(tmp_path, SECRET)

    assert finding.severity is SKIPPED


@pytest.mark.parametrize("text", [BIND % "./redis.conf:/etc/redis.conf", SECRET, CONFIG])
def test_what_a_remote_engine_mounts_is_unknown(tmp_path, text):
    """The engine looks for the files on its own machine (docker/compose 11141)."""
    remote = host(docker=engine(host="ssh://user@server"))

    (finding,) = find(tmp_path, text, remote)

    assert finding.severity is SKIPPED
    assert "the engine's machine" in finding.message


@pytest.mark.parametrize(
    ("in_container", "purposes", "severity"),
    [
        (True, ("work",), SKIPPED),
        (True, ("work", "docker"), OK),  # an engine in the same container
        (False, ("work",), OK),
    ],
)
def test_the_engine_outside_of_this_container_mounts_its_own_files(
    tmp_path, in_container, purposes, severity
):
    """microsoft/vscode-remote-release 3135, devcontainers/features 919: the mounts are empty."""
    (tmp_path / "redis.conf").touch()
    facts = host(
        system=replace(WSL_SYSTEM, in_container=in_container),
        disks=tuple(disk(purpose) for purpose in purposes),
    )

    (finding,) = find(tmp_path, BIND % "./redis.conf:/etc/redis.conf", facts)

    assert finding.severity is severity


DEVICE = "services: {a: {image: x, devices: ['%s']}}"
DESKTOP = host(docker=engine(operating_system="Docker Desktop"))


@pytest.mark.parametrize(
    ("device", "facts", "severity"),
    [
        # eleiton/ollama-intel-arc 16, dockur/windows 1150, koush/scrypted 790
        ("/dev/qca-test-none:/dev/dri", host(), WARNING),
        ("/dev/null:/dev/dri", host(), OK),
        ("/dev", host(), OK),
        ("/dev/nvidia0", host(), OK),  # QCA706
        ("nvidia.com/gpu=all", host(), OK),
        ("/dev/qca-test-none", DESKTOP, SKIPPED),
        ("/dev/qca-test-none", host(docker=engine(host="ssh://user@server")), SKIPPED),
    ],
)
def test_a_device_file_of_this_machine(tmp_path, device, facts, severity):
    (finding,) = find(tmp_path, DEVICE % device, facts)

    assert finding.severity is severity
