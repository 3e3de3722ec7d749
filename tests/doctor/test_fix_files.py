"""--fix changes only the intended lines of a user's file, and all of them or none."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.compose_file.load import read_compose_file
from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Severity
from infra.doctor.fix import apply_remedy, list_proposals
from infra.host.facts import CpuFacts
from tests.support.hosts import config, engine, host

SIXTEEN = host(cpu=CpuFacts(online=16, affinity=16, cgroup_quota=None), docker=engine(cpus=16))
HEAD = "# the stack\nservices:\n  cache:   # ours\n    image: dragonflydb/dragonfly:v1.40.0\n"
TAIL = "    restart: always\n\nvolumes:\n  data: {}\n"

# The command before and after; 2 GiB are enough for 8 threads.
COMMANDS = {
    "flag in a string": (
        "    command: dragonfly --maxmemory=2G --proactor_threads=16  # why not\n",
        "    command: dragonfly --maxmemory=2G --proactor_threads=8  # why not\n",
    ),
    "no flag in a string": (
        "    command: dragonfly --maxmemory=2G --logtostderr\n",
        "    command: dragonfly --maxmemory=2G --logtostderr --proactor_threads=8\n",
    ),
    "two words in a string": (
        "    command: --proactor_threads 16 --maxmemory 2G\n",
        "    command: --proactor_threads 8 --maxmemory 2G\n",
    ),
    "folded": (
        "    command: >\n      --maxmemory=2G\n      --hz=9\n",
        "    command: >\n      --maxmemory=2G\n      --hz=9 --proactor_threads=8\n",
    ),
    "list": (
        "    command:\n      - --maxmemory=2G  # keep\n      - --proactor_threads=16\n",
        "    command:\n      - --maxmemory=2G  # keep\n      - --proactor_threads=8\n",
    ),
    "list without": (
        '    command:\n      - "--maxmemory=2G"\n',
        '    command:\n      - "--maxmemory=2G"\n      - "--proactor_threads=8"\n',
    ),
    "list of two words in quotes": (
        '    command:\n      - "--proactor_threads"\n      # all\n      - "16"  # now\n'
        '      - "--maxmemory"\n      - "2G"\n',
        '    command:\n      - "--proactor_threads"\n      # all\n      - "8"  # now\n'
        '      - "--maxmemory"\n      - "2G"\n',
    ),
    "list of two words": (
        "    command:\n      - --proactor_threads\n      - '16'\n      - --maxmemory\n      - 2G\n",
        "    command:\n      - --proactor_threads\n      - '8'\n      - --maxmemory\n      - 2G\n",
    ),
    "list of two words without": (
        "    command:\n      - --maxmemory\n      - 2G\n",
        "    command:\n      - --maxmemory\n      - 2G\n      - --proactor_threads=8\n",
    ),
    "brackets": (
        "    command: ['dragonfly', '--maxmemory=2G']\n",
        "    command: ['dragonfly', '--maxmemory=2G', '--proactor_threads=8']\n",
    ),
    "brackets of two words": (
        '    command: ["dragonfly", "--maxmemory", "2G", "--proactor_threads", "16"]  # why\n',
        '    command: ["dragonfly", "--maxmemory", "2G", "--proactor_threads", "8"]  # why\n',
    ),
    "brackets of two words without": (
        '    command: ["dragonfly", "--maxmemory", "2G"]\n',
        '    command: ["dragonfly", "--maxmemory", "2G", "--proactor_threads=8"]\n',
    ),
    "brackets on several lines": (
        '    command: [\n      "--proactor_threads",\n      "16",  # all\n'
        '      "--maxmemory", "2G",\n    ]\n',
        '    command: [\n      "--proactor_threads",\n      "8",  # all\n'
        '      "--maxmemory", "2G",\n    ]\n',
    ),
    "the same word twice": (
        '    command: ["--dbfilename", "16", "--proactor_threads", "16", "--maxmemory=2G"]\n',
        '    command: ["--dbfilename", "16", "--proactor_threads", "8", "--maxmemory=2G"]\n',
    ),
    "the same word twice in a string": (
        "    command: --proactor_threads=16 --maxmemory=2G --dir=/--proactor_threads=16\n",
        "    command: --proactor_threads=8 --maxmemory=2G --dir=/--proactor_threads=16\n",
    ),
    "the same word on two lines": (
        "    command: >\n      --hz=16\n      --proactor_threads\n      16 --maxmemory=2G\n",
        "    command: >\n      --hz=16\n      --proactor_threads\n      8 --maxmemory=2G\n",
    ),
    "quotes of the shell": (
        "    command: --maxmemory \"2G\" --proactor_threads '16'\n",
        "    command: --maxmemory \"2G\" --proactor_threads '8'\n",
    ),
    "bare brackets": (
        "    command: [--proactor_threads=16, --maxmemory=2G]\n",
        "    command: [--proactor_threads=8, --maxmemory=2G]\n",
    ),
    "a variable": (
        "    command: --proactor_threads=${N:-16} --maxmemory=2G\n",
        "    command: --proactor_threads=8 --maxmemory=2G\n",
    ),
    "environment": (
        "    environment:\n      DFLY_proactor_threads: '16'\n      DFLY_maxmemory: 2G\n",
        "    environment:\n      DFLY_proactor_threads: '8'\n      DFLY_maxmemory: 2G\n",
    ),
    "environment as a list": (
        "    environment:\n      - DFLY_proactor_threads=16\n      - DFLY_maxmemory=2G\n",
        "    environment:\n      - DFLY_proactor_threads=8\n      - DFLY_maxmemory=2G\n",
    ),
}


def _findings(path: Path) -> list[Finding]:
    found = examine(SIXTEEN, config(), files=[read_compose_file(path, {})])
    return [f for f in found if f.location and f.id in ("QCA301", "QCA704")]


def _fix(path: Path) -> bool:
    (proposal,) = list_proposals(_findings(path))
    return apply_remedy(proposal, lambda: _findings(path)).helped


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "docker-compose.yml"


@pytest.mark.parametrize(("before", "after"), COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_only_the_line_is_changed(file, before, after, ending):
    file.write_bytes((HEAD + before + TAIL).replace("\n", ending).encode())

    assert _fix(file)

    assert file.read_bytes().decode() == (HEAD + after + TAIL).replace("\n", ending)


@pytest.mark.parametrize(("before", "after"), COMMANDS.values(), ids=COMMANDS)
def test_the_printed_command_does_the_same(file, before, after):
    file.write_text(HEAD + before + TAIL)
    (proposal,) = list_proposals(_findings(file))

    for command in proposal.remedy.commands:
        subprocess.run(["bash", "-c", command], check=True)
    assert file.read_text() == HEAD + after + TAIL

    for command in proposal.remedy.undo:
        subprocess.run(["bash", "-c", command], check=True)
    assert file.read_text() == HEAD + before + TAIL


@pytest.mark.parametrize(
    "command",
    [
        "--http_admin_console=false --proactor_threads=1\n",
        "\n      - --http_admin_console\n      - 'false'\n      - --proactor_threads=1\n",
    ],
)
def test_a_renamed_flag_gets_its_new_name(file, command):
    file.write_text(HEAD + "    command: " + command)

    assert _fix(file)

    renamed = command.replace("http_admin_console", "primary_port_http_enabled")
    assert file.read_text() == HEAD + "    command: " + renamed


@pytest.mark.parametrize(
    "rest",
    [
        "    mem_limit: 1g\n",  # there is no flag after which to add another
        "    command: sh -c 'dragonfly --maxmemory=2G'\n",
        "    command: --save_schedule=*:30 --proactor_threads=1\n",  # no equivalent crontab
    ],
)
def test_ambiguous_edits_are_left_to_the_user(file, rest):
    file.write_text(HEAD + rest)

    assert list_proposals(_findings(file)) == []


def test_a_file_that_changed_meanwhile_is_not_edited(file):
    file.write_text(HEAD + "    command: --maxmemory=2G\n")
    (proposal,) = list_proposals(_findings(file))
    file.write_text("# new first line\n" + file.read_text())
    text = file.read_text()

    outcome = apply_remedy(proposal, lambda: _findings(file))

    assert not outcome.helped
    assert "has changed" in outcome.detail
    assert file.read_text() == text


def test_a_remedy_that_does_not_help_is_undone(file):
    file.write_text(HEAD + "    command: --maxmemory=2G\n")
    findings = _findings(file)
    (proposal,) = list_proposals(findings)

    assert not apply_remedy(proposal, lambda: findings).helped
    assert file.read_text() == HEAD + "    command: --maxmemory=2G\n"


def test_an_interrupted_fix_is_undone(file):
    file.write_text(HEAD + "    command: --maxmemory=2G\n")
    (proposal,) = list_proposals(_findings(file))

    def interrupt() -> list[Finding]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_remedy(proposal, interrupt)
    assert file.read_text() == HEAD + "    command: --maxmemory=2G\n"


def test_a_nearby_file_is_never_fixed(file):
    file.write_text(HEAD + "    command: --maxmemory=2G\n")

    findings = examine(SIXTEEN, config(), nearby=read_compose_file(file, {}))

    assert any(f.severity is Severity.WARNING and f.remedies for f in findings)
    assert list_proposals(findings) == []


def test_an_edit_that_causes_another_error_is_undone(file):
    text = f"{HEAD}    command: --maxmemory=2G\n{TAIL}"
    file.write_text(text)
    before = _findings(file)
    (proposal,) = list_proposals(before)
    refused = replace(before[0], id="QCA707", severity=Severity.ERROR, message="Compose\nsays no")

    outcome = apply_remedy(proposal, lambda: [refused], before)

    assert not outcome.helped
    assert "it causes QCA707: Compose says no; undone" in outcome.detail
    assert file.read_text() == text


RELEASES = st.sampled_from(["v1.1.2", "v1.30.0", "v1.34.1", "v1.38.0", "v1.40.0"])
MEMORY = st.sampled_from(["100mb", "256mb", "300mb", "1G", "2G"])
LIMITS = st.sampled_from(
    [
        *("", "    cpus: 1\n", "    cpus: 2\n", "    cpus: 0.5\n", "    cpuset: 0-3\n"),
        *("    cpu_quota: 200000\n", "    deploy: {resources: {limits: {cpus: '2'}}}\n"),
    ]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(release=RELEASES, memory=MEMORY, threads=st.integers(0, 3), limits=LIMITS)
def test_every_edit_changes_something_and_every_automatic_one_helps(
    file, release, memory, threads, limits
):
    command = f"    command: --maxmemory={memory} --proactor_threads={threads}\n"
    file.write_text(HEAD.replace("v1.40.0", release) + command + limits)

    findings = _findings(file)

    assert not [finding for finding in findings if finding.is_check_failure]
    edits = [edit for f in findings for remedy in f.remedies for edit in remedy.edits]
    assert all(edit.new != (edit.old,) for edit in edits)
    for proposal in list_proposals(findings):
        assert apply_remedy(proposal, lambda: _findings(file), findings).helped, proposal.remedy
