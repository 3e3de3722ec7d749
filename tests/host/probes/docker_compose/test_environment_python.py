"""The Python for Compose V1's environment is chosen by its files."""

from pathlib import Path

import pytest

from infra.host.probes.docker_compose.environment_python import can_run_v1, find_environment_python


def _install_python(prefix: Path, version: str, *, ensurepip: bool = True) -> Path:
    """Create the files of a Python as in a distribution; return the path of its program."""
    name = f"python{version}"
    (prefix / "bin").mkdir(parents=True, exist_ok=True)
    (prefix / "bin" / name).touch()
    if ensurepip:
        folder = prefix / "lib" / name / "ensurepip"
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
    return prefix / "bin" / name


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.7.18", False), ("3.6.15", False), ("3.7.0", True), ("3.12.1", True), ("3.13.0", False)],
)
def test_pipes_and_docker_py_bound_the_versions(version, expected):
    assert can_run_v1(version) is expected


def test_its_own_python_is_first(tmp_path):
    own = _install_python(tmp_path / "usr", "3.11")
    _install_python(tmp_path / "local", "3.12")

    assert find_environment_python(own, "3.11.2", [f"{tmp_path}/local/bin"]) == str(own)


def test_another_python_is_found_on_the_path_by_its_version(tmp_path):
    own = _install_python(tmp_path / "usr", "3.13")
    other = _install_python(tmp_path / "local", "3.10")
    link = tmp_path / "bin" / "python3"
    link.parent.mkdir()
    link.symlink_to(other)

    assert find_environment_python(own, "3.13.0", [f"{tmp_path}/bin"]) == str(link)


def test_a_python_without_ensurepip_is_skipped(tmp_path):
    own = _install_python(tmp_path / "usr", "3.11", ensurepip=False)
    other = _install_python(tmp_path / "local", "3.9")
    search_path = [f"{tmp_path}/usr/bin", f"{tmp_path}/local/bin"]

    assert find_environment_python(own, "3.11.2", search_path) == str(other)


def test_without_a_suitable_python_there_is_none(tmp_path):
    own = _install_python(tmp_path / "usr", "3.13")

    assert find_environment_python(own, "3.13.0", [f"{tmp_path}/usr/bin", "/nowhere"]) == ""


def test_an_unreadable_folder_of_the_path_is_skipped(tmp_path):
    own = _install_python(tmp_path / "usr", "3.13")
    other = _install_python(tmp_path / "local", "3.10")
    no_path = "x" * 5000

    assert find_environment_python(own, "3.13.0", [no_path, f"{tmp_path}/local/bin"]) == str(other)
