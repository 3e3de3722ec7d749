"""CHANGELOG.md has the form of Keep a Changelog, and a section for the installed version."""

import re
from datetime import date

from packaging.version import Version

from qca.core.distribution import read_version
from tests.support.changelog import UNRELEASED, parse_changelog
from tests.support.pages import ROOT

TEXT = (ROOT / "CHANGELOG.md").read_text()
RELEASES = parse_changelog(TEXT)
DATED = [release for release in RELEASES if release.version != UNRELEASED]
GROUPS = ["Security", "Added", "Changed", "Deprecated", "Removed", "Fixed"]


def test_every_heading_is_a_release():
    assert len(RELEASES) == len(re.findall(r"^## ", TEXT, re.M))
    assert RELEASES[0].version == UNRELEASED
    assert RELEASES[0].date is None


def test_releases_are_dated_and_the_newest_is_first():
    versions = [Version(release.version) for release in DATED]
    days = [date.fromisoformat(release.date or "") for release in DATED]

    assert versions == sorted(versions, reverse=True)
    assert days == sorted(days, reverse=True)
    assert len(set(versions)) == len(versions)


def test_changes_are_grouped_by_kind():
    for release in RELEASES:
        assert set(release.groups) <= set(GROUPS), release.version
        assert len(set(release.groups)) == len(release.groups), release.version
    assert all(release.has_entries for release in DATED)


def test_the_installed_version_has_its_section():
    assert read_version() in {release.version for release in DATED}
