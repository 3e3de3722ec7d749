"""Compose V1's own interpreter reports the libraries that it would import."""

import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.host.deadline import Deadline, Output
from infra.host.errors import ProbeError
from infra.host.facts import ComposeV1, ComposeV1Bundle, NoDockerCompose, StandaloneCompose
from infra.host.probes import docker_compose
from infra.host.probes.docker_compose import command, v1_libraries
from tests.support.fake_programs import FixedOutput, write_program
from tests.support.interpreter import Interpreter, install, make_interpreter, user_site

V1_OUTPUT = "docker-compose version 1.29.2, build 5becea4c\ndocker-py version: 5.0.0\n"
MODERN_OUTPUT = "Docker Compose version v2.40.3\n"


@pytest.fixture(scope="module")
def shared_interpreter(tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    return make_interpreter(tmp_path_factory.mktemp("python") / "usr")


@pytest.fixture
def interpreter(shared_interpreter: Interpreter) -> Interpreter:
    """Return the interpreter shared by this module's tests, with an empty site-packages."""
    shutil.rmtree(shared_interpreter.site_packages)
    shared_interpreter.site_packages.mkdir()
    return shared_interpreter


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Set up a host where only this folder's `bin` on PATH can contain docker-compose."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path / "user"))
    for name in ("PYTHONPATH", "PYTHONNOUSERSITE", "PYTHONHOME"):
        monkeypatch.delenv(name, raising=False)
    real = shutil.which
    monkeypatch.setattr(
        command.shutil,
        "which",
        lambda name: real(name, path=f"{tmp_path}/bin") if name == "docker-compose" else real(name),
    )
    return tmp_path


def install_command(home: Path, text: str | bytes) -> Path:
    path = home / "bin" / "docker-compose"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o755)
    return path


def install_v1(site: Path, docker: str, requests: str, urllib3: str, yaml: str = "6.0") -> None:
    """Install V1 as Debian's package does."""
    needs = ("docker[ssh]<6,>=5", "requests<3,>=2.20.0", "PyYAML<6,>=3.10", "texttable")
    install(site, "docker-compose", "1.29.2", needs)
    install(
        site, "docker", docker, ("requests!=2.18.0,>=2.14.2", "urllib3<1.25; python_version<'3'")
    )
    install(site, "requests", requests, ("urllib3<1.27,>=1.21.1", "PyYAML; extra == 'x'"))
    install(site, "urllib3", urllib3)
    install(site, "PyYAML", yaml)


def probe_v1(interpreter: Interpreter, home: Path, options: str = "") -> ComposeV1:
    install_command(home, f"#!{interpreter.executable} {options}\nraise SystemExit('was run')\n")
    found = docker_compose.probe(Deadline(20))
    assert isinstance(found, ComposeV1)
    return found


def list_versions(found: ComposeV1) -> dict[str, str]:
    return {name: library.version for name, library in found.libraries.items()}


def test_a_v1_from_the_distribution(interpreter: Interpreter, home: Path) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    found = probe_v1(interpreter, home)
    assert found.path == str(home / "bin/docker-compose")
    assert found.version == "1.29.2"
    assert found.interpreter == str(interpreter.executable)
    assert found.python_version == ".".join(map(str, sys.version_info[:3]))
    assert list_versions(found) == {
        "docker": "5.0.3",
        "requests": "2.28.1",
        "urllib3": "1.26.12",
        "PyYAML": "6.0",
    }
    for library in found.libraries.values():
        assert library.location == str(interpreter.site_packages)
        assert library.installed == datetime.now(UTC).strftime("%Y-%m-%d")
        assert not library.user_site
        assert library.shadows == ()


def test_a_user_site_shadows_the_distribution_as_on_the_seeds_laptop(
    interpreter: Interpreter, home: Path
) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    site = user_site(home / "user")
    install(site, "requests", "2.32.5", ("urllib3<3,>=1.21.1",))
    install(site, "urllib3", "2.5.0")
    install(site, "jupyterlab-server", "2.27.3", ("requests>=2.31", "jinja2>=3"))

    found = probe_v1(interpreter, home)

    assert list_versions(found)["docker"] == "5.0.3"
    assert found.user_site == str(site)
    requests = found.libraries["requests"]
    assert (requests.version, requests.location, requests.user_site) == ("2.32.5", str(site), True)
    assert [(one.version, one.user_site) for one in requests.shadows] == [("2.28.1", False)]
    assert [one.version for one in found.libraries["urllib3"].shadows] == ["1.26.12"]
    assert {(one.distribution, one.requirement) for one in found.users} == {
        ("docker-compose", "docker<6,>=5"),
        ("docker-compose", "requests<3,>=2.20.0"),
        ("docker-compose", "PyYAML<6,>=3.10"),
        ("docker", "requests!=2.18.0,>=2.14.2"),
        ("requests", "urllib3<3,>=1.21.1"),  # the imported one's, not the shadowed one's
        ("jupyterlab-server", "requests>=2.31"),
    }


def test_modules_only_in_the_user_site_are_named(interpreter: Interpreter, home: Path) -> None:
    install(interpreter.site_packages, "docker", "5.0.3")
    install(user_site(home / "user"), "docker-compose", "1.29.2")
    install(user_site(home / "user"), "docker", "6.1.3")

    assert probe_v1(interpreter, home).user_only == ("compose",)


def test_the_v1_that_qca_installed_is_examined_too(
    interpreter: Interpreter, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command.Path, "home", lambda: home)
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    assert probe_v1(interpreter, home).beside is None

    own = home / docker_compose.OWN_V1 / "bin/docker-compose"
    own.parent.mkdir(parents=True)
    own.write_text(f"#!{interpreter.executable}\n")
    beside = probe_v1(interpreter, home).beside
    assert beside is not None
    assert (beside.path, beside.beside) == (str(own), None)

    own.write_bytes(b"no script at all")
    assert probe_v1(interpreter, home).beside is None


@pytest.mark.parametrize("how", ["environment", "option", "isolated"])
def test_a_disabled_user_site_does_not_count(
    interpreter: Interpreter, home: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    install(user_site(home / "user"), "requests", "2.32.5")
    if how == "environment":
        monkeypatch.setenv("PYTHONNOUSERSITE", "1")
    found = probe_v1(interpreter, home, {"option": "-s", "isolated": "-I"}.get(how, ""))
    assert found.libraries["requests"].version == "2.28.1"
    assert found.user_site is None


def test_pythonpath_comes_before_everything(
    interpreter: Interpreter, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    install(home / "extra", "urllib3", "2.8.0")
    monkeypatch.setenv("PYTHONPATH", str(home / "extra"))
    urllib3 = probe_v1(interpreter, home).libraries["urllib3"]
    assert (urllib3.version, urllib3.pythonpath, urllib3.user_site) == ("2.8.0", True, False)
    assert [one.version for one in urllib3.shadows] == ["1.26.12"]
    assert probe_v1(interpreter, home, "-E").libraries["urllib3"].version == "1.26.12"


def test_the_work_folder_does_not_count_and_the_scripts_folder_does(
    interpreter: Interpreter, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    install(home / "work", "requests", "9.9.9")
    monkeypatch.chdir(home / "work")
    assert probe_v1(interpreter, home).libraries["requests"].version == "2.28.1"
    install(home / "bin", "requests", "8.8.8")
    assert probe_v1(interpreter, home).libraries["requests"].version == "8.8.8"


def test_a_link_to_the_script_is_followed(interpreter: Interpreter, home: Path) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    install(home / "opt", "requests", "8.8.8")
    script = home / "opt" / "docker-compose"
    script.write_text(f"#!{interpreter.executable}\n")
    script.chmod(0o755)
    (home / "bin/docker-compose").symlink_to(script)
    found = docker_compose.probe(Deadline(20))
    assert isinstance(found, ComposeV1)
    assert found.libraries["requests"].version == "8.8.8"


def test_an_own_virtual_environment(home: Path) -> None:
    environment = home / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    install_v1(site, "6.1.3", "2.31.0", "2.5.0")
    install(user_site(home / "user"), "requests", "2.32.5")
    install_command(home, f"#!{environment}/bin/python\n")
    found = docker_compose.probe(Deadline(20))
    assert isinstance(found, ComposeV1)
    assert found.virtual_environment
    assert found.user_site is None
    assert found.interpreter == str(environment / "bin/python")
    assert list_versions(found)["requests"] == "2.31.0"


def test_env_finds_the_interpreter_as_the_kernel_would(
    interpreter: Interpreter, home: Path
) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    (home / "bin/python3").symlink_to(interpreter.executable)
    install_command(home, "#!/usr/bin/env python3\n")
    found = docker_compose.probe(Deadline(20))
    assert isinstance(found, ComposeV1)
    assert list_versions(found)["docker"] == "5.0.3"


def test_a_missing_library_is_omitted(interpreter: Interpreter, home: Path) -> None:
    install(interpreter.site_packages, "docker-compose", "1.29.2")
    install(interpreter.site_packages, "docker", "5.0.3")
    (interpreter.site_packages / "requests").mkdir()  # a folder without anything to import
    assert list_versions(probe_v1(interpreter, home)) == {"docker": "5.0.3"}


NEEDED = (
    *("dockerpty", "docopt", "dotenv", "distro", "jsonschema", "texttable", "websocket"),
    *("idna", "certifi"),
)


def install_imports(package: Path, *lines: str) -> None:
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    (package / "main.py").write_text("\n".join(lines) + "\n")


def install_needed(site: Path) -> None:
    """Install the dependencies of V1 other than the three libraries."""
    for name in NEEDED:
        install(site, name, "1.0")


def test_nothing_is_missing_if_all_modules_exist(interpreter: Interpreter, home: Path) -> None:
    install_v1(interpreter.site_packages, "6.1.3", "2.31.0", "1.26.20")
    install_needed(interpreter.site_packages)
    assert probe_v1(interpreter, home).missing_modules == ()


@pytest.mark.parametrize("name", NEEDED)
def test_each_missing_module_of_v1_is_found(
    interpreter: Interpreter, home: Path, name: str
) -> None:
    install_v1(interpreter.site_packages, "6.1.3", "2.31.0", "1.26.20")
    install_needed(interpreter.site_packages)
    shutil.rmtree(interpreter.site_packages / name)
    assert probe_v1(interpreter, home).missing_modules == (name,)


@pytest.mark.parametrize(
    ("package", "line", "missing"),
    [
        ("requests", "import chardet", ("chardet",)),
        ("requests", "try:\n    import chardet\nexcept ImportError:\n    pass", ()),
        ("docker", "from packaging.version import Version", ("packaging",)),
        ("compose", "import packaging_of_another_kind", ()),
    ],
)
def test_modules_of_some_releases_are_missing_only_for_those(
    interpreter: Interpreter, home: Path, package: str, line: str, missing: tuple[str, ...]
) -> None:
    install_v1(interpreter.site_packages, "6.1.3", "2.25.1", "1.26.20")
    install_needed(interpreter.site_packages)
    install_imports(interpreter.site_packages / package, line)
    assert probe_v1(interpreter, home).missing_modules == missing


def test_a_pth_file_of_the_user_counts_as_the_user_site(
    interpreter: Interpreter, home: Path
) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    install(home / "checkout", "requests", "2.32.5")
    user_site(home / "user").mkdir(parents=True)
    # site.py appends such a folder after the others, unless a line of code moves it.
    user_site(home / "user").joinpath("a.pth").write_text(
        f"# a comment\n{home}/checkout\nimport sys; sys.path.insert(1, '{home}/checkout')\n"
    )

    requests = probe_v1(interpreter, home).libraries["requests"]

    assert (requests.version, requests.user_site) == ("2.32.5", True)
    assert [(one.version, one.user_site) for one in requests.shadows] == [("2.28.1", False)]


def test_debians_records_are_plain_files(interpreter: Interpreter, home: Path) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    shutil.rmtree(interpreter.site_packages / "requests-2.28.1.dist-info")
    install(interpreter.site_packages, "requests", "2.28.1", kind="egg-info")
    assert list_versions(probe_v1(interpreter, home))["requests"] == "2.28.1"


@pytest.mark.parametrize(("old", "new"), [("2.28.1", "2.32.5"), ("2.32.5", "2.28.1")])
def test_after_a_broken_upgrade_the_version_comes_from_the_module(
    interpreter: Interpreter, home: Path, old: str, new: str
) -> None:
    install_v1(interpreter.site_packages, "5.0.3", old, "1.26.12")
    install(interpreter.site_packages, "requests", new)  # the old record is left behind
    assert list_versions(probe_v1(interpreter, home))["requests"] == new


def test_without_a_record_the_version_comes_from_the_module(
    interpreter: Interpreter, home: Path
) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    shutil.rmtree(interpreter.site_packages / "urllib3-1.26.12.dist-info")
    assert list_versions(probe_v1(interpreter, home))["urllib3"] == "1.26.12"


@pytest.mark.parametrize("what", ["a file", "a package"])
def test_a_shadowing_module_without_a_version_is_unknown(
    interpreter: Interpreter, home: Path, what: str
) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    if what == "a file":
        (home / "bin/requests.py").touch()
    else:
        (home / "bin/requests").mkdir()
        (home / "bin/requests/__init__.py").touch()
    with pytest.raises(ProbeError, match="does not contain its version"):
        probe_v1(interpreter, home)


def test_a_broken_record_affects_only_itself(interpreter: Interpreter, home: Path) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    install(interpreter.site_packages, "odd", "1", ("requests ><= 3", "urllib3 ; nonsense", "!!"))
    (interpreter.site_packages / "empty.dist-info").mkdir()
    (interpreter.site_packages / "noise.egg-info").write_bytes(b"\xff\xfe\x00Name")
    assert len(probe_v1(interpreter, home).libraries) == 4


def test_an_externally_managed_interpreter(interpreter: Interpreter, home: Path) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    assert not probe_v1(interpreter, home).externally_managed
    mark = interpreter.library / "EXTERNALLY-MANAGED"
    mark.touch()
    assert probe_v1(interpreter, home).externally_managed
    mark.unlink()


def test_extra_output_of_the_interpreter_is_ignored(interpreter: Interpreter, home: Path) -> None:
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    (interpreter.site_packages / "sitecustomize.py").write_text("print('hello', end='')\n")
    assert len(probe_v1(interpreter, home).libraries) == 4


def test_without_a_record_the_version_is_queried(interpreter: Interpreter, home: Path) -> None:
    install(interpreter.site_packages, "docker", "5.0.3")
    install_command(home, f"#!{interpreter.executable}\nprint({V1_OUTPUT!r})\n")
    found = docker_compose.probe(Deadline(20))
    assert isinstance(found, ComposeV1)
    assert found.version == "1.29.2"


UNSEEN = {
    "its interpreter is gone": ("#!/usr/bin/python3.99\n", "No such file or directory"),
    "its interpreter hangs": ("#!{home}/python3\n", "did not answer within"),
    "another tool in Python": ("#!{python}\nprint('podman-compose 1.5')\n", "not Docker's Compose"),
    "a shim of pyenv": ('#!/usr/bin/env bash\nexec pyenv exec "$0"\n', "does not guess"),
    "a script for Perl": ("#!/usr/bin/perl\n", "is a script for"),
    "no program at all": ("\x7fELF", "Exec format error"),
}


@pytest.mark.parametrize(("text", "reason"), UNSEEN.values(), ids=UNSEEN.keys())
def test_unknown_results_have_a_reason(
    interpreter: Interpreter, home: Path, text: str, reason: str
) -> None:
    write_program(home / "python3", "exec sleep 30")
    install_command(home, text.format(home=home, python=interpreter.executable))
    with pytest.raises(ProbeError, match=reason):
        docker_compose.probe(Deadline(0.8))


def test_no_docker_compose(home: Path) -> None:
    assert docker_compose.probe(Deadline(5)) == NoDockerCompose()


def test_a_wrapper_of_the_plugin_counts_as_the_plugin(home: Path) -> None:
    write_program(home / "bin/docker", f"echo '{MODERN_OUTPUT}'")
    path = install_command(home, '#!/bin/sh\nexec docker compose "$@"\n')
    assert docker_compose.probe(Deadline(5)) == StandaloneCompose(path=str(path), version="2.40.3")


# A test cannot contain machine code, so it fakes the output.
PYINSTALLER = b"\x7fELF..." + b"MEI\014\013\012\013\016" + b"\0" * 80


def test_the_self_contained_v1(home: Path) -> None:
    path = install_command(home, PYINSTALLER)
    binary = FixedOutput(Output(0, V1_OUTPUT, ""))
    found = docker_compose.probe(binary)
    assert binary.commands == [[str(path), "version"]]
    assert found == ComposeV1Bundle(path=str(path), version="1.29.2")


def test_v2_with_the_old_name(home: Path) -> None:
    path = install_command(home, b"\x7fELF...\xff Go buildinf:...")
    binary = FixedOutput(Output(0, MODERN_OUTPUT, ""))
    found = docker_compose.probe(binary)
    assert binary.commands == [[str(path), "version"]]
    assert found == StandaloneCompose(path=str(path), version="2.40.3")


@pytest.mark.parametrize("content", [PYINSTALLER, b"\x7fELF..."])
def test_another_program_with_that_name(home: Path, content: bytes) -> None:
    install_command(home, content)
    with pytest.raises(ProbeError, match="not Docker's Compose"):
        docker_compose.probe(FixedOutput(Output(0, "something 3.0", "")))


def test_the_query_is_quick(interpreter: Interpreter, home: Path) -> None:
    """Print the time of the query, and require only that it is far below the limit."""
    install_v1(interpreter.site_packages, "5.0.3", "2.28.1", "1.26.12")
    began = time.perf_counter()
    probe_v1(interpreter, home)
    seconds = time.perf_counter() - began
    print(f"asking the interpreter took {seconds:.3f} s")
    assert seconds < 5


def find_pythons() -> list[Path]:
    """Return the interpreters of this machine: the system's, and those of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [Path(sys.executable), Path("/usr/bin/python3"), Path("/usr/bin/python2")]
    found += sorted(pyenv.glob("versions/*/bin/python"))
    return [path for path in found if path.exists()]


@pytest.mark.parametrize("program", find_pythons(), ids=str)
def test_any_python_can_run_the_query(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run the query on every installed Python since 2.7."""
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH"):
        monkeypatch.delenv(name, raising=False)
    install(tmp_path, "urllib3", "1.26.12")
    install_imports(tmp_path / "compose", "import pipes", "from distutils.spawn import find")
    answer = v1_libraries.ask_interpreter(
        tmp_path / "docker-compose", (str(program),), Deadline(20)
    )
    assert answer.libraries["urllib3"].version == "1.26.12"
    assert answer.python_version.split(".")[0] in "23"
    # Whether the standard library still has each of the two, with or without setuptools.
    version = tuple(map(int, answer.python_version.split(".")[:2]))
    assert ("pipes" in answer.missing_modules) == (version >= (3, 13))
    assert "distutils" not in answer.missing_modules or version >= (3, 12)
