"""An examination covers the host, the given files, and the file in the current folder."""

from dataclasses import fields, replace
from typing import Any

import pytest

from infra.compose_file.load import read_compose_files
from infra.compose_file.model import (
    ComposeFile,
    LocatedValue,
    Refusal,
    UnreadReference,
    UnsetVariable,
)
from infra.compose_file.needs import EngineClaim, ExternalResource, NeededPath, ReleaseNeed
from infra.compose_file.started import split_dormant
from infra.compose_file.syntax.interpolation import MissingVariable
from infra.doctor.blocking import select_blocking
from infra.doctor.checks import CHECKS
from infra.doctor.examine import examine
from infra.doctor.runner import run_checks
from infra.doctor.subjects import FileSubject
from infra.host.facts import EngineAnswers, HostFacts, Known, Unknown
from tests.support.hosts import (
    NO_GPU,
    NO_PLUGIN,
    STORE_IMAGE,
    TRAINER_IMAGE,
    compose_file,
    config,
    host,
    image,
    no_engine,
)
from tests.support.verdicts import ERROR, HEAD, INFO, OK, SIXTEEN_THREADS, SKIPPED, WARNING


def test_a_healthy_host_has_no_finding_that_fails():
    bad = [f for f in examine(host(), config()) if f.severity in (WARNING, ERROR, SKIPPED)]

    assert bad == []


def test_a_host_without_docker_and_gpu_is_healthy_for_a_local_run():
    bare = host(docker=no_engine("not-installed"), compose=NO_PLUGIN)

    assert [f for f in examine(bare, config()) if f.severity in (WARNING, ERROR)] == []


def test_no_check_fails_on_an_unknown_host():
    names = {field.name for field in fields(HostFacts)} - {"schema_version", "about"}
    dark: dict[str, Any] = dict.fromkeys(names, Unknown(reason="dark"))
    blind = HostFacts(**dark)

    findings = examine(blind, config())

    assert {f.severity for f in findings} <= {SKIPPED, OK}
    assert not any(f.is_check_failure for f in findings)


def test_without_files_checks_of_files_report_nothing():
    blind = host(cpu="dark", docker="dark", gpu="dark")

    assert not [f for f in examine(blind, config()) if f.category == "file"]


def test_merged_files_are_checked_together_and_findings_name_their_file(tmp_path):
    (tmp_path / "a.yml").write_text(HEAD + "    command: --maxmemory=2G --proactor_threads=8\n")
    (tmp_path / "b.yml").write_text("services: {cache: {command: --maxmemory=1G}}\n")
    paths = [tmp_path / "a.yml", tmp_path / "b.yml"]

    findings = examine(SIXTEEN_THREADS, config(), files=[read_compose_files(paths, {})])

    (whole,) = [f for f in findings if f.id == "QCA701"]
    assert whole.severity is OK
    assert "b.yml" in whole.message
    (refused,) = [f for f in findings if f.id == "QCA301" and f.location]
    assert refused.severity is ERROR
    assert refused.location is not None
    assert (refused.location.file, refused.location.line) == (str(paths[1]), 1)


def test_given_files_require_containers_even_for_a_local_run(tmp_path):
    file = compose_file(tmp_path, HEAD)
    facts = host(compose=NO_PLUGIN)

    severities = {f.severity for f in examine(facts, config(), files=[file]) if f.id == "QCA201"}

    assert severities == {ERROR}


def test_faults_of_a_users_file_do_not_stop_qca_up(tmp_path):
    file = compose_file(tmp_path, HEAD + "    command: --maxmemory=2G\n")

    findings = examine(SIXTEEN_THREADS, config(), files=[file])

    assert any(f.severity is ERROR for f in findings)
    assert select_blocking(findings) == []


def test_a_nearby_file_cannot_fail_the_examination(tmp_path):
    nearby = compose_file(tmp_path, HEAD + "    command: --maxmemory=2G\n    gpus: all\n")

    findings = examine(SIXTEEN_THREADS, config(), nearby=nearby)

    assert any(f.id == "QCA301" and f.severity is WARNING and f.location for f in findings)
    assert not any(f.severity is ERROR for f in findings)


def test_a_file_without_dragonfly_and_gpu_passes(tmp_path):
    file = compose_file(tmp_path, "services:\n  db:\n    image: postgres:17\n")

    here = host(gpu=NO_GPU, images=(STORE_IMAGE, TRAINER_IMAGE, image("postgres:17")))

    findings = examine(here, config(), files=[file])

    assert not [f for f in findings if f.severity in (WARNING, ERROR, SKIPPED)]


PROFILES = (
    "services:\n  web: {image: x, ports: ['18188:80']}\n  big:\n"
    "    image: dragonflydb/dragonfly\n    profiles: [big]\n    command: --maxmemory=2G\n"
    "    ports: ['18188:6379']\n"
)


def test_faults_of_services_that_are_not_started_are_infos(tmp_path):
    file = compose_file(tmp_path, PROFILES)

    findings = examine(SIXTEEN_THREADS, config(), files=[file])

    assert not [f for f in findings if f.severity in (WARNING, ERROR)]
    (note,) = [f for f in findings if f.id == "QCA301" and f.location]
    assert (note.severity, note.location.line if note.location else 0) == (INFO, 6)
    assert "does not start the service: only with profile big" in note.message


# For each field of a file, a fault that does not concern the service `other`, and the checks that
# report it. The fields without a fault of their own are empty.
FAULTS: dict[str, tuple[Any, list[str]] | None] = {
    "path": None,
    "services": None,
    "keys": ({"version": 1}, ["QCA703"]),
    "unread": ((UnreadReference("`include`", 2),), ["QCA701", "QCA702"]),
    "unset": ((UnsetVariable(MissingVariable("A", None), 2),), ["QCA702"]),
    "override": ("compose.override.yaml", ["QCA701"]),
    "sources": None,
    "files": None,
    "externals": ((ExternalResource("network", "n", 2),), ["QCA709"]),
    "claims": ((EngineClaim("container name", "web", "p", 2),), ["QCA715"]),
    "overlays": ((LocatedValue("n", 2, "n"),), ["QCA711"]),
    "release_needs": ((ReleaseNeed("`x`", (99, 0), "ignores it.", 2),), ["QCA711"]),
    "missing": None,
    "needed_paths": ((NeededPath("web", "Dockerfile", "f", 2, state="missing"),), ["QCA713"]),
    "hidden": None,
    "folder": None,
    "profiles": None,
    "refusals": ((Refusal("no", 2),), ["QCA707"]),
    "confirmed_by": None,
    "refused": ("no", ["QCA707"]),
    "not_confirmed_because": ("it was not found", ["QCA707"]),
}


@pytest.mark.parametrize("field", [field.name for field in fields(ComposeFile)])
def test_a_service_that_is_not_started_repeats_no_fault_of_the_project(tmp_path, field):
    text = "services:\n  web: {image: x}\n  other: {image: y, profiles: [p]}\n"
    file = compose_file(tmp_path, text)
    fault, checks = FAULTS[field] or (getattr(file, field), [])
    faulty = replace(file, **{field: fault})
    answers = EngineAnswers(
        networks=Known(value=frozenset()), containers=Known(value={"web": "another"})
    )

    before = examine(host(), config(), files=[file], engine_answers=answers)
    after = examine(host(), config(), files=[faulty], engine_answers=answers)
    found = [finding for finding in after if finding not in before]

    assert [finding.id for finding in found] == checks
    dormant = [FileSubject(part, host(), answers) for _, part in split_dormant(faulty)]
    assert not [f for f in run_checks(CHECKS, None, dormant) if f.severity in (WARNING, ERROR)]


def test_a_profile_that_is_active_counts(tmp_path):
    file = compose_file(tmp_path, PROFILES, COMPOSE_PROFILES="big")

    findings = examine(SIXTEEN_THREADS, config(), files=[file])

    assert {f.id for f in findings if f.severity is ERROR and f.location} == {"QCA301", "QCA601"}


def test_variables_that_are_not_set_are_one_finding(tmp_path):
    text = "services:\n  a:\n    image: x\n    environment:\n"
    names = [f"V{number}" for number in range(40)]
    file = compose_file(tmp_path, text + "".join(f"      - A{name}=${name}\n" for name in names))

    (finding,) = [f for f in examine(host(), config(), files=[file]) if f.id == "QCA702"]

    assert finding.severity is WARNING
    assert finding.evidence["variables"] == names
    assert "V0 (line 5), V1 (line 6)" in finding.message
    assert "and 28 more" in finding.message
