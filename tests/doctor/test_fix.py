"""--fix applies safe remedies, examines again, and undoes those that did not help."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.doctor.finding import Remedy, Severity
from infra.doctor.fix import Proposal, apply_remedy, list_proposals
from infra.host.facts import StandaloneCompose
from tests.support.hosts import NO_PLUGIN, host, one

BROKEN = one(host(compose=NO_PLUGIN), "QCA201")
FIXED = one(host(), "QCA201")


def _proposal(place: Path, *commands: str) -> Proposal:
    remedy = Remedy("t", commands or (f"touch {place}",), automatic=True, undo=(f"rm -f {place}",))
    return Proposal(BROKEN, remedy)


def test_a_remedy_that_helps_is_kept(tmp_path):
    outcome = apply_remedy(_proposal(tmp_path / "x"), lambda: [FIXED])

    assert outcome.helped
    assert (tmp_path / "x").exists()


def test_a_remedy_that_does_not_help_is_undone(tmp_path):
    outcome = apply_remedy(_proposal(tmp_path / "x"), lambda: [BROKEN])

    assert not outcome.helped
    assert not (tmp_path / "x").exists()
    assert "undone" in outcome.detail


@pytest.mark.parametrize(
    "now",
    [
        [],
        [replace(FIXED, severity=Severity.SKIPPED)],
        [FIXED, replace(BROKEN, evidence={"service": "x"}, is_check_failure=True)],
    ],
    ids=["no finding at all", "could not look", "the check failed"],
)
def test_a_missing_finding_proves_nothing(tmp_path, now):
    outcome = apply_remedy(_proposal(tmp_path / "x"), lambda: now)

    assert not outcome.helped
    assert not (tmp_path / "x").exists()


def test_a_failing_command_is_undone(tmp_path):
    place = tmp_path / "x"
    proposal = _proposal(place, f"touch {place}", "echo no luck >&2; false", "touch /nonsense/y")

    outcome = apply_remedy(proposal, lambda: [FIXED])

    assert not outcome.helped
    assert "no luck" in outcome.detail
    assert not place.exists()


def test_a_command_may_print_invalid_text(tmp_path):
    proposal = _proposal(tmp_path / "x", "printf '\\377 no luck' >&2; false")

    assert "no luck" in apply_remedy(proposal, lambda: [FIXED]).detail


def test_only_automatic_remedies_of_faults_are_proposed():
    link = one(
        host(compose=NO_PLUGIN, docker_compose=StandaloneCompose(path="/x/d", version="5.0.0")),
        "QCA201",
    )

    assert [p.finding.id for p in list_proposals([link, BROKEN, FIXED])] == ["QCA201"]
    assert link.severity is Severity.WARNING


def test_linking_a_modern_compose_as_the_plugin_really_works(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    modern = tmp_path / "docker-compose"
    modern.touch()
    found = StandaloneCompose(path=str(modern), version="5.0.0")
    (proposal,) = list_proposals([one(host(compose=NO_PLUGIN, docker_compose=found), "QCA201")])
    plugin = tmp_path / ".docker/cli-plugins/docker-compose"

    assert apply_remedy(proposal, lambda: [FIXED]).helped
    assert plugin.resolve() == modern

    plugin.unlink()
    assert not apply_remedy(proposal, lambda: [BROKEN]).helped
    assert not plugin.exists()
    assert not plugin.is_symlink()
