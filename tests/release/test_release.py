"""The release: its version, its changelog, its two files, and an installation of the wheel.

`nox -s release` runs it on the day of a release. Before that the changelog holds entries that
belong to no version, and the first test fails.
"""

import os
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from qca.core.distribution import DISTRIBUTION, read_version
from tests.support.changelog import UNRELEASED, parse_changelog
from tests.support.pages import ROOT

pytestmark = pytest.mark.slow

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION = PROJECT["version"]
STEM = f"{DISTRIBUTION.replace('-', '_')}-{VERSION}"

OUTSIDE = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(folder: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(folder / f"{STEM}-py3-none-any.whl")


def _run(*words: object) -> str:
    done = subprocess.run(
        list(map(str, words)), env=OUTSIDE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _list_tracked(*folders: str) -> set[str]:
    return set(_run("git", "-C", ROOT, "ls-files", "--", *folders).splitlines())


def test_the_changelog_ends_with_this_version():
    unreleased, newest, *_ = parse_changelog((ROOT / "CHANGELOG.md").read_text())

    assert unreleased.version == UNRELEASED
    assert not unreleased.has_entries, "entries under Unreleased belong to no version yet"
    assert newest.version == VERSION


def test_all_versions_are_equal():
    assert read_version() == VERSION, "reinstall: pip install -e '.[dev]'"


def test_nothing_uncommitted_is_built():
    assert _run("git", "-C", ROOT, "status", "--porcelain") == ""


def test_two_files_are_built(folder):
    assert {file.name for file in folder.iterdir()} == {
        f"{STEM}.tar.gz",
        f"{STEM}-py3-none-any.whl",
    }


def test_the_wheel_contains_the_committed_packages(wheel):
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}

    image = {name for name in names if name.startswith("infra/data/image/")}
    assert {Path(name).name for name in image} == {
        *("Dockerfile.cuda", "pyproject.toml", "README.md", "LICENSE"),
    }
    assert names - image == _list_tracked("qca", "infra")


def test_the_wheels_metadata_match_pyproject(wheel):
    metadata = message_from_bytes(wheel.read(f"{STEM}.dist-info/METADATA"))

    assert metadata["Name"] == DISTRIBUTION
    assert metadata["Version"] == VERSION
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert metadata["License-Expression"] == PROJECT["license"]
    assert f"{STEM}.dist-info/licenses/LICENSE" in wheel.namelist()


def test_the_source_distribution_contains_exactly_the_committed_files(folder):
    with tarfile.open(folder / f"{STEM}.tar.gz") as archive:
        names = {name.removeprefix(f"{STEM}/") for name in archive.getnames()}

    assert names - {"PKG-INFO"} == _list_tracked()


def test_a_registry_would_accept_them(folder):
    said = _run(sys.executable, "-m", "twine", "check", "--strict", *sorted(folder.iterdir()))

    assert said.count("PASSED") == 2


def test_the_wheel_runs_in_an_empty_environment(folder, tmp_path):
    venv.create(tmp_path / "venv")
    programs = tmp_path / "venv" / "bin"
    pip = [sys.executable, "-m", "pip", "--python", programs / "python"]
    _run(*pip, "install", "--quiet", folder / f"{STEM}-py3-none-any.whl")

    assert _run(programs / "qca", "--version") == f"qca, version {VERSION}\n"
