import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from qca.core.distribution import DISTRIBUTION, explain_install, read_version, require_extra
from qca.core.errors import LaunchError

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def hide_packages(monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes distributions look uninstalled."""
    find_version = metadata.version

    def hide(*names: str) -> None:
        def version(name: str) -> str:
            if name in names:
                raise metadata.PackageNotFoundError(name)
            return find_version(name)

        monkeypatch.setattr(metadata, "version", version)

    return hide


def test_the_distribution_has_its_own_name_on_pypi():
    assert PROJECT["name"] == DISTRIBUTION != "qca"
    assert read_version() == PROJECT["version"]


def test_a_hint_names_the_requirements_and_not_the_distribution(hide_packages):
    hide_packages("jinja2", "matplotlib")
    hint = explain_install("report")
    assert f"{sys.executable} -P -m pip install 'jinja2>=3.1.6' 'matplotlib>=3.10'" in hint
    assert "qca" not in hint.replace(sys.executable, "")


def test_a_hint_about_torch_names_the_index_of_its_cpu_builds(hide_packages):
    index = "--extra-index-url https://download.pytorch.org/whl/cpu"
    hide_packages("torch", "websockets")
    assert index in explain_install("train")
    assert index not in explain_install("view")


def test_a_requirement_of_another_extra_is_not_named(hide_packages):
    hide_packages("jinja2", "websockets")
    assert "websockets" not in explain_install("report")


def test_a_package_that_cannot_be_imported_must_be_reinstalled():
    assert explain_install("report").startswith("Reinstall the extra 'report'")


def test_a_missing_package_is_reported_with_its_extra(hide_packages):
    hide_packages("jinja2")
    with pytest.raises(LaunchError) as refused, require_extra("report", "the report"):
        raise ModuleNotFoundError(name="markupsafe.sub")
    assert (
        refused.value.message == "the report needs the extra `report`: markupsafe is not installed"
    )
    assert refused.value.hint.endswith("pip install 'jinja2>=3.1.6'")


def test_a_missing_module_of_qca_is_a_defect():
    with pytest.raises(ModuleNotFoundError), require_extra("report", "the report"):
        raise ModuleNotFoundError(name="qca.report.gone")


def test_no_source_installs_the_distribution_of_another_project():
    sources = [file for package in ("qca", "infra") for file in (ROOT / package).rglob("*.py")]
    asking = re.compile(r"hint=.*qca\[|version\(['\"]qca['\"]\)")
    assert [file.name for file in sources if asking.search(file.read_text())] == []
