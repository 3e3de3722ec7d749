"""`qca doctor` and `qca explain` on the command line: output, messages and exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from infra.host.facts import HostFacts
from infra.host.recording import record
from tests.support.doctor_reports import SCHEMA
from tests.support.fake_programs import write_program
from tests.support.hosts import NO_PLUGIN, host, no_engine, seeds_laptop

HEALTHY = host()
COMPOSE = '[stack]\nruntime = "compose"\n'


@pytest.fixture
def facts(tmp_path: Path):
    def write(recorded: HostFacts) -> Path:
        path = tmp_path / "host.json"
        path.write_text(record(recorded))
        return path

    return write


def test_a_healthy_host_passes(call_main, tmp_path, facts):
    done = call_main(tmp_path, "doctor", "--facts", facts(HEALTHY))

    assert (done.returncode, done.stderr) == (0, "")
    assert "QCA101" in done.stdout
    assert "\x1b" not in done.stdout


def test_an_error_fails_and_the_report_is_on_stdout(call_main, tmp_path, facts):
    (tmp_path / "qca.toml").write_text(COMPOSE)

    done = call_main(tmp_path, "doctor", "--facts", facts(host(docker=no_engine("not-running"))))

    assert (done.returncode, done.stderr) == (1, "")
    assert "sudo systemctl start docker" in done.stdout


def test_strict_fails_on_a_warning(call_main, tmp_path, facts):
    recorded = facts(host(compose=NO_PLUGIN))

    assert call_main(tmp_path, "doctor", "--facts", recorded).returncode == 0
    assert call_main(tmp_path, "doctor", "--facts", recorded, "--strict").returncode == 1


def test_json_is_a_single_document(call_main, tmp_path, facts):
    done = call_main(tmp_path, "doctor", "--facts", facts(seeds_laptop()), "--format", "json")

    jsonschema.validate(json.loads(done.stdout), SCHEMA)
    assert done.stderr == ""


def test_only_and_ignore_choose_the_checks(call_main, tmp_path, facts):
    recorded = facts(HEALTHY)
    json_ = ("doctor", "--facts", recorded, "--format", "json")

    only = json.loads(call_main(tmp_path, *json_, "--only", "qca301", "--only", "302").stdout)
    rest = json.loads(call_main(tmp_path, *json_, "--ignore", "QCA301").stdout)

    assert [finding["id"] for finding in only["findings"]] == ["QCA301", "QCA302"]
    assert "QCA301" not in [finding["id"] for finding in rest["findings"]]


def test_excluding_every_check_is_a_usage_error(call_main, tmp_path, facts):
    words = ("--facts", facts(HEALTHY), "--only", "QCA301", "--ignore", "QCA301")
    done = call_main(tmp_path, "doctor", *words)
    assert done.returncode == 2
    assert "--only and --ignore exclude every check" in done.stderr


def test_a_pattern_names_all_checks_of_a_category(call_main, tmp_path, facts):
    (tmp_path / "c.yml").write_text("services: {db: {image: redis}}")
    words = ("doctor", "--facts", facts(HEALTHY), "-f", "c.yml", "--format", "json")

    def list_ids(*more: str) -> set[str]:
        return {
            one["id"] for one in json.loads(call_main(tmp_path, *words, *more).stdout)["findings"]
        }

    assert list_ids("--only", "qca8*") == {"QCA805", "QCA806"}
    assert list_ids("--ignore", "QCA8*") == list_ids() - {"QCA805", "QCA806"}


@pytest.mark.parametrize("option", ["--only", "--ignore"])
def test_a_pattern_without_a_match_is_a_usage_error(call_main, tmp_path, option):
    done = call_main(tmp_path, "doctor", option, "QCA9*")

    assert (done.returncode, done.stdout) == (2, "")
    assert option in done.stderr
    assert "QCA9*" in done.stderr


@pytest.mark.parametrize("option", ["--only", "--ignore"])
def test_an_unknown_check_is_a_usage_error_that_suggests_similar_ones(call_main, tmp_path, option):
    done = call_main(tmp_path, "doctor", option, "QCA310")

    assert (done.returncode, done.stdout) == (2, "")
    assert option in done.stderr
    assert "QCA301" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--nonsense",),
        ("--timeout", "soon"),
        ("--timeout", "0"),
        ("--format", "xml"),
        ("--yes",),
        ("--dry-run",),
        ("--facts", "host.json", "--fix"),
        ("--facts", "host.json", "--record", "x.json"),
        ("--facts", "host.json", "--deep"),
        ("--facts", "host.json", "--only", "QCA391"),
        ("--only", "QCA?9*"),
        ("--deep", "--files-only", "x.yml"),
        ("--deep", "--only", "QCA101"),
        ("--facts", "none.json"),
        ("-c", "none.toml"),
        ("-f", "none.yml", "--only", "QCA701"),
    ],
)
def test_a_wrong_call_exits_with_2_and_a_message(call_main, tmp_path, facts, words):
    facts(HEALTHY)

    done = call_main(tmp_path, "doctor", *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip()


def test_deep_without_an_engine_asks_nothing_and_reports_unknowns(call_main, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")

    done = call_main(tmp_path, "doctor", "--deep", "--only", "QCA?9*", "--format", "json")

    findings = json.loads(done.stdout)["findings"]
    assert {one["id"] for one in findings} == {"QCA191", "QCA192", "QCA193", "QCA391", "QCA491"}
    assert {one["severity"] for one in findings} == {"skipped"}
    assert "no Docker daemon can be reached" in findings[0]["message"]
    assert done.stderr == ""


def test_a_broken_config_is_reported_with_line_and_key(call_main, tmp_path, facts):
    (tmp_path / "qca.toml").write_text('[stack]\nmaxmemory = "4 Gigs"\n')

    done = call_main(tmp_path, "doctor", "--facts", facts(HEALTHY))

    assert done.returncode == 2
    assert "qca.toml:2: stack.maxmemory" in done.stderr


def test_a_file_that_is_not_yaml_is_reported_with_its_line(call_main, tmp_path, facts):
    (tmp_path / "bad.yml").write_text("services:\n  a: [1\n")

    done = call_main(tmp_path, "doctor", "--facts", facts(HEALTHY), "-f", "bad.yml")

    assert (done.returncode, done.stdout) == (2, "")
    assert "bad.yml:2: the bracket [" in done.stderr


def test_a_finding_about_a_file_carries_file_and_line(call_main, tmp_path, facts):
    text = "services:\n  s:\n    image: dragonflydb/dragonfly\n    command: --maxmemory=1G\n"
    (tmp_path / "stack.yml").write_text(text)

    done = call_main(tmp_path, "doctor", "--facts", facts(HEALTHY), "-f", "stack.yml")

    assert done.returncode == 1
    assert "  stack.yml:4\n" in done.stdout


def test_an_active_profile_includes_its_services(call_main, tmp_path, facts):
    text = "services:\n  s:\n    image: dragonflydb/dragonfly\n    profiles: [p]\n"
    (tmp_path / "stack.yml").write_text(text + "    command: --maxmemory=1G\n")
    words = ("doctor", "--facts", facts(HEALTHY), "-f", "stack.yml")

    plain = call_main(tmp_path, *words)
    active = call_main(tmp_path, *words, "--compose-profile", "p")

    assert (plain.returncode, active.returncode) == (0, 1)
    assert "only with profile p" in plain.stdout


def test_files_elsewhere_are_read_on_request(call_main, tmp_path, facts):
    (tmp_path / "app").mkdir()
    (tmp_path / "base.yml").write_text("services:\n  b:\n    image: x\n    comand: y\n")
    text = "services: {a: {extends: {file: ../base.yml, service: b}}}\n"
    (tmp_path / "app" / "compose.yml").write_text(text)
    words = ("doctor", "--facts", facts(HEALTHY), "--files-only", "app/compose.yml")

    within, outside = call_main(tmp_path, *words), call_main(tmp_path, *words, "--follow-outside")

    assert (within.returncode, outside.returncode) == (0, 1)
    assert "is outside the folder" in within.stdout
    assert "base.yml:4" in outside.stdout


def test_this_host_is_examined_recorded_and_replayed(call_main, tmp_path):
    done = call_main(tmp_path, "doctor", "--record", "here.json", "--format", "json")

    assert done.returncode in (0, 1)
    assert "here.json" in done.stderr
    replayed = call_main(tmp_path, "doctor", "--facts", "here.json", "--format", "json")
    assert replayed.returncode == done.returncode
    severities = [
        [(finding["id"], finding["severity"]) for finding in json.loads(one.stdout)["findings"]]
        for one in (done, replayed)
    ]
    assert severities[0] == severities[1]


def test_a_compose_file_in_the_folder_is_examined_without_failing(call_main, tmp_path):
    text = "services:\n  s:\n    image: dragonflydb/dragonfly\n    command: --maxmemory=1M\n"
    (tmp_path / "compose.yaml").write_text(text)

    done = call_main(tmp_path, "doctor", "--only", "QCA301")

    assert done.returncode == 0
    assert "compose.yaml:4" in done.stdout


PLAIN = b"services: {db: {image: redis}}"
BUILT = b"services: {db: {build: .}}"


@pytest.mark.parametrize(
    ("files", "words", "is_asked"),
    [
        ({}, (), False),
        ({"compose.yaml": PLAIN}, (), False),
        ({"compose.yaml": BUILT}, (), True),
        ({"compose.yaml": PLAIN, "compose.override.yaml": BUILT}, (), True),
        ({"compose.yaml": b"include: [built.yaml]"}, (), True),
        ({"compose.yaml": b'services: {db: {"b\\u0075ild": .}}'}, (), True),
        ({"compose.yaml": BUILT.decode().encode("utf-16")}, (), True),
        ({"compose.yaml": b"#" * 2**20 + b"\n" + BUILT}, (), True),
        ({"other.yaml": PLAIN}, ("-f", "other.yaml"), False),
        ({"other.yaml": BUILT}, ("-f", "other.yaml"), True),
        ({"other.yaml": BUILT}, ("other.yaml",), True),
        ({".env": b"A=1"}, (), False),
        ({".env": b"COMPOSE_FILE=other.yaml"}, (), True),
        ({}, ("--record", "here.json"), True),
    ],
)
def test_buildx_is_probed_only_if_a_file_may_build_images(
    call_main, tmp_path, monkeypatch, files, words, is_asked
):
    programs, folder = tmp_path / "programs", tmp_path / "folder"
    (programs / "cli-plugins").mkdir(parents=True)
    folder.mkdir()
    write_program(programs / "docker", "echo Docker Compose version v2.40.3")
    write_program(programs / "cli-plugins/docker-buildx", f"touch {tmp_path}/asked")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_CONFIG", str(programs))
    for name, content in files.items():
        (folder / name).write_bytes(content)

    call_main(folder, "doctor", *words)

    assert (tmp_path / "asked").exists() is is_asked


def test_explain_shows_the_whole_check(call_main, tmp_path):
    done = call_main(tmp_path, "explain", "qca203")

    assert (done.returncode, done.stderr) == (0, "")
    for words in ("QCA203", "DOCKER_HOST", "PYTHONNOUSERSITE=1", "docker-py/issues/3256"):
        assert words in done.stdout


def test_explain_suggests_similar_checks(call_main, tmp_path):
    done = call_main(tmp_path, "explain", "QCA103x")

    assert (done.returncode, done.stdout) == (2, "")
    assert "QCA103" in done.stderr


@pytest.mark.parametrize("words", [("doctor",), ("explain", "QCA101")])
def test_torch_is_never_loaded(tmp_path, words):
    code = (
        "import sys\n"
        "from qca.cli import cli\n"
        f"cli.main({list(words)!r}, standalone_mode=False)\n"
        "assert 'torch' not in sys.modules\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr


def test_the_program_has_the_same_exit_codes_and_no_traceback(tmp_path, facts):
    (tmp_path / "qca.toml").write_text(COMPOSE)
    broken = facts(host(docker=no_engine("no-answer")))

    for words, code in (
        (("doctor", "--facts", broken), 1),
        (("doctor", "-f", "none.yml"), 2),
        (("explain", "QCA101"), 0),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "qca", *map(str, words)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stdout + done.stderr
