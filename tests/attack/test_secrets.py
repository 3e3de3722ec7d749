"""No output of a command shows a secret of a Compose file, of `.env` or of the environment."""

import json

import pytest

from infra.doctor.formats import FORMATS
from tests.support.program import Program

# Too many threads, so that there is a remedy whose diff and command contain this line.
FLAGS = "--maxmemory=2G --proactor_threads=16"

SERVICES = {
    "items of a list": 'command: ["--proactor_threads=16", "--maxmemory=2G", "--masterauth", "{}"]',
    "in quotes": "command: {flags} --requirepass='{} with a space'",
    "after the flag": "command: {flags} --requirepass {}",
    "a single dash": "command: {flags} -requirepass={}",
    "the master's": "command: {flags} --masterauth={}",
    "last, where a flag is added": "command: --maxmemory=1M --requirepass={}",
    "a variable": "command: {flags}\n    environment: {{DFLY_requirepass: '{}'}}",
    "on one line": "{{command: {flags}, environment: {{AWS_SECRET_ACCESS_KEY: {}, X_TOKEN: {}}}}}",
    "interpolated": "command: {flags} --requirepass=${{SERVICE_PASSWORD}}",
    "a health check": 'command: {flags}\n    healthcheck: {{test: ["CMD", redis-cli, -a, "{}"]}}',
    "a bad limit": "command: {flags}\n    mem_limit: ${{SERVICE_PASSWORD}}",
    "an include": "command: {flags}\ninclude: ['who@host.example:${{SERVICE_PASSWORD}}.git']",
    "an extended file": "extends: {{file: 'https://u:{}@host.example/x.yml', service: x}}",
}


SECRET = "s3same-L1"  # not the example in a check's own text


@pytest.fixture
def files(qca: Program) -> list[str]:
    """A Compose file for each place of a secret, and an `.env` with one."""
    (qca.folder / ".env").write_text(f"SERVICE_PASSWORD={SECRET}\n")
    for number, service in enumerate(SERVICES.values()):
        text = service.replace("{}", SECRET).replace("{flags}", FLAGS)
        text = text.replace("{{", "{").replace("}}", "}")
        image = "image: dragonflydb/dragonfly:v1.40.0"
        body = f"{{{image}, {text[1:]}" if text.startswith("{") else f"\n    {image}\n    {text}"
        (qca.folder / f"{number}.yaml").write_text(f"services:\n  cache: {body}\n")
    return [f"{number}.yaml" for number in range(len(SERVICES))]


@pytest.mark.parametrize("format_", FORMATS)
def test_no_format_of_the_doctor_shows_a_secret(qca, files, format_):
    done = qca("doctor", "--files-only", *files, "--format", format_, check=1)
    assert all(name in done.stdout for name in files)
    assert "s3same" not in done.stdout + done.stderr


@pytest.mark.parametrize("format_", ["text", "json"])
def test_the_logs_show_no_secret(qca, format_):
    folder = qca.folder / ".qca" / "first"
    (folder / "logs").mkdir(parents=True)
    launch = {"runtime": "local", "project": "qca", "run": "first", "runs": "runs"}
    (folder / "launch.json").write_text(json.dumps(launch))
    lines = [
        f"started with --requirepass={SECRET}",
        json.dumps({"event": "noted", "message": f"redis://:{SECRET}@host.example"}),
        "and with h1dden-L2 as well",
    ]
    (folder / "logs" / "trainer.log").write_text("\n".join([*lines, ""]))
    shown = Program(qca.folder, {"DEPLOY_TOKEN": "h1dden-L2"})("logs", "--format", format_).stdout
    assert shown.count("***") == 3
    assert "s3same" not in shown
    assert "h1dden" not in shown


def test_fixes_show_no_secret(qca, files):
    done = qca("doctor", "--files-only", *files, "--fix", "--dry-run", check=1)
    assert "s3same" not in done.stdout + done.stderr


def test_no_error_shows_a_secret_of_the_environment(qca):
    secret = {"DEPLOY_TOKEN": "tok-4711x", "DOCKER_HOST": "tcp://bob:hun/ter2@127.0.0.1:9"}
    (qca.folder / "compose.yaml").write_text("services: {a: {image: 'x:${DEPLOY_TOKEN}:y:z'}}\n")
    for words in (
        ["doctor", "-f", "compose.yaml", "--timeout", "2"],
        ["doctor", "-f", "tok-4711x.yaml", "--timeout", "2"],
        ["doctor", "--record", "host.json", "--timeout", "2"],
        ["doctor", "--format", "markdown", "--timeout", "2"],
        ["train", "--store", "tok-4711x", "--episodes", "tok-4711x"],
    ):
        done = qca(*words, check=None, **secret)
        for part in ("tok-4711x", "hun/ter2", "ter2@"):
            assert part not in done.stdout + done.stderr, words
    assert "ter2" not in (qca.folder / "host.json").read_text()
