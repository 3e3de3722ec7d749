"""Files that refer to each other are read as by Compose, but never outside the folder."""

from pathlib import Path

import pytest

from infra.compose_file.default_files import find_default_files
from infra.compose_file.load import read_compose_file, read_compose_files
from infra.compose_file.model import ComposeFile, Service
from infra.dragonfly.service import read_dragonfly

CACHE = "    image: dragonflydb/dragonfly\n"


def _files(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_yml", ".yml").replace("_env", ".env")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _read(folder: Path, *names: str, **environment: str) -> ComposeFile:
    return read_compose_files([folder / name for name in names or ["a.yml"]], environment)


def _cache(file: ComposeFile) -> Service:
    return next(service for service in file.services if service.name == "cache")


def _flags(file: ComposeFile) -> dict[str, str]:
    return {name: text.value for name, text in read_dragonfly(file, _cache(file)).flags.items()}


def test_a_later_file_overrides_key_by_key(tmp_path):
    _files(
        tmp_path,
        a_yml=f"services:\n  cache:\n{CACHE}    mem_limit: 2g\n    command: --maxmemory=1G\n"
        "    environment: {A: one, B: one}\n    ports: ['1:1']\n",
        b_yml="services:\n  cache:\n    mem_limit: 3g\n    environment: [B=two]\n"
        "    ports: ['2:2']\n  other: {image: x}\n",
    )

    file = _read(tmp_path, "a.yml", "b.yml")
    cache = _cache(file)

    assert [service.name for service in file.services] == ["cache", "other"]
    assert cache.image
    assert cache.memory_limit
    assert (cache.memory_limit.value, cache.memory_limit.line) == ("3g", 3)
    assert cache.memory_limit.file == str(tmp_path / "b.yml")
    assert {name: text.value for name, text in cache.environment.items()} == {
        "A": "one",
        "B": "two",
    }
    assert [str(port) for port in cache.ports] == ["1", "2"]
    assert _flags(file) == {"maxmemory": "1G"}


def test_extends_can_be_chained_across_files(tmp_path):
    _files(
        tmp_path,
        a_yml="services:\n  cache:\n    extends: {file: lib/b.yml, service: middle}\n    cpus: 2\n",
        lib__b_yml="services:\n  middle:\n    extends: bottom\n    mem_limit: 3g\n"
        f"  bottom:\n{CACHE}    command: --maxmemory=1G\n    env_file: own.env\n    cpus: 9\n",
        lib__own_env="DFLY_proactor_threads=3\n",
    )

    file = _read(tmp_path)
    cache = _cache(file)

    assert file.unread == ()
    assert _flags(file) == {"proactor_threads": "3", "maxmemory": "1G"}
    assert cache.cpus
    assert cache.cpus.value == "2"
    assert cache.memory_limit
    assert cache.memory_limit.file == str(tmp_path / "lib/b.yml")
    assert (cache.line, cache.file) == (2, str(tmp_path / "a.yml"))


@pytest.mark.parametrize(
    ("more", "refused"),
    [("", []), ("    mem_limit: 1g\n", ["services.cache conflicts with imported resource"])],
)
def test_a_service_cannot_be_included_and_defined_differently(tmp_path, more, refused):
    own = f"services:\n  cache:\n{CACHE}    cpus: 2\n"
    _files(tmp_path, a_yml=f"include: [b.yml]\n{own}", b_yml=own + more, c_yml="x-a: 1\n")

    file = _read(tmp_path, "a.yml", "c.yml")

    assert [one.message for one in file.refusals] == refused


@pytest.mark.parametrize("item", ["lib/b.yml", "{path: lib/b.yml}", "{path: [lib/b.yml]}"])
def test_an_included_file_has_its_services_and_its_own_dotenv(tmp_path, item):
    _files(
        tmp_path,
        a_yml=f"include:\n  - {item}\n",
        lib__b_yml=f"services:\n  cache:\n{CACHE}    command: --maxmemory=${{M}}\n",
    )
    (tmp_path / "lib/.env").write_text("M=5G\n")

    assert _flags(_read(tmp_path)) == {"maxmemory": "5G"}
    assert _flags(_read(tmp_path, M="6G")) == {"maxmemory": "6G"}


def test_an_include_is_read_with_its_settings(tmp_path):
    """An entry's files are merged; their paths are relative to its folder; its env files replace
    `.env`."""
    _files(
        tmp_path,
        a_yml="include:\n  - path: [lib/b.yml, lib/c.yml]\n    project_directory: other\n"
        "    env_file: [one.env, lib/two.env]\n",
        lib__b_yml=f"services:\n  cache:\n{CACHE}    command: --maxmemory=$M --hz=$H --dir=$D\n"
        "    env_file: own.env\n",
        lib__c_yml="services: {cache: {mem_limit: $L}}\n",
        one_env="M=1G\nH=1\nL=3g\n",
        lib__two_env="M=2G\nH=2\n",
        other__own_env="DFLY_proactor_threads=3\n",
    )
    for folder, text in {"": "M=5G\n", "lib": "D=/lib\n", "other": "D=/other\n"}.items():
        (tmp_path / folder / ".env").write_text(text)

    file = _read(tmp_path)
    cache = _cache(file)

    assert _flags(file) == {"maxmemory": "5G", "hz": "2", "dir": "", "proactor_threads": "3"}
    assert cache.memory_limit
    assert cache.memory_limit.value == "3g"
    assert cache.memory_limit.file == str(tmp_path / "lib/c.yml")
    assert file.unread == ()


def test_an_extended_file_has_the_variables_of_the_project(tmp_path):
    _files(
        tmp_path,
        a_yml="services: {cache: {extends: {file: lib/b.yml, service: base}}}\n",
        lib__b_yml=f"services:\n  base:\n{CACHE}    command: --maxmemory=$M --hz=${{H:-3}}\n",
    )
    (tmp_path / ".env").write_text("M=5G\n")
    (tmp_path / "lib/.env").write_text("M=6G\nH=6\n")

    assert _flags(_read(tmp_path)) == {"maxmemory": "5G", "hz": "3"}


def test_environment_overrides_env_files_and_later_ones_earlier_ones(tmp_path):
    _files(
        tmp_path,
        a_yml=f"services:\n  cache:\n{CACHE}    env_file: [one.env, {{path: two.env}}]\n"
        "    environment: {DFLY_hz: 3}\n",
        one_env="DFLY_hz=1\nDFLY_maxmemory=1G\nDFLY_dir=/a\n",
        two_env="DFLY_dir=/b\n",
    )

    assert _flags(_read(tmp_path)) == {"hz": "3", "maxmemory": "1G", "dir": "/b"}


def test_an_optional_env_file_may_be_missing(tmp_path):
    _files(
        tmp_path,
        a_yml=f"services:\n  cache:\n{CACHE}"
        "    env_file: [{path: none.env, required: false}, {path: one.env, required: false}]\n",
        one_env="DFLY_hz=1\n",
    )

    assert _flags(_read(tmp_path)) == {"hz": "1"}
    assert _read(tmp_path).unread == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("services: {cache: {extends: {file: none.yml, service: x}}}\n", "does not exist"),
        ("include: [a.yml]\nservices: {cache: {image: x}}\n", "itself"),
        ("services: {cache: {image: x, env_file: none.env}}\n", "does not exist"),
        ("services: {cache: {image: x, env_file: ../x.env}}\n", "outside the folder"),
        ("services: {cache: {image: x, label_file: /etc/hostname}}\n", "outside the folder"),
        ("include: [{path: b.yml, project_directory: ..}]\n", "outside the folder"),
        ("include: [{path: [], env_file: .env}]\n", "does not name a file"),
        ("include: [{path: a.yml, tomorrow: 1}]\n", "tomorrow"),
        ("include: [{path: b.yml, env_file: /etc/hosts}]\n", "outside the folder"),
        ("include: ['git@example.org:x.git']\nservices: {cache: {image: x}}\n", "another machine"),
    ],
)
def test_an_unfollowed_reference_has_a_reason(tmp_path, text, what):
    _files(tmp_path, a_yml=text, b_yml="services: {}\n")

    (unread,) = _read(tmp_path).unread[-1:]

    assert what in unread.why


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("extends: cache", "Circular reference"),
        ("extends: {file: a.yml, service: cache}", "Circular reference"),
        ("extends: {file: a.yml, service: none}", 'service "none" not found'),
        ("extends: none", 'service "none" not found'),
    ],
)
def test_an_empty_extends_is_refused(tmp_path, text, refused):
    _files(tmp_path, a_yml=f"services:\n  cache:\n    image: x\n    {text}\n")

    file = _read(tmp_path)

    assert refused in file.refusals[0].message
    assert file.refusals[0].line == 4
    assert file.unread == ()


def test_a_relative_path_that_includes_itself_ends(tmp_path, monkeypatch):
    _files(tmp_path, a_yml="include: [b.yml]\n", b_yml="include: [a.yml]\n")
    monkeypatch.chdir(tmp_path)

    (unread,) = read_compose_file(Path("a.yml"), {}).unread

    assert unread.file == "b.yml"
    assert "includes itself" in unread.why


def test_a_link_out_of_the_folder_counts_as_outside(tmp_path):
    _files(tmp_path, secret_env="DFLY_maxmemory=9G\n")
    here = tmp_path / "here"
    _files(here, a_yml=f"services:\n  cache:\n{CACHE}    env_file: link.env\n")
    (here / "link.env").symlink_to(tmp_path / "secret.env")

    file = _read(here)

    assert _flags(file) == {}
    assert file.unread[0].outside


def test_files_that_include_each_other_over_and_over_end(tmp_path):
    for n in range(30):
        twice = f"include: [f{n + 1}.yml, f{n + 1}.yml]\n" if n < 29 else ""
        (tmp_path / f"f{n}.yml").write_text(f"{twice}services: {{s{n}: {{image: x}}}}\n")

    file = read_compose_file(tmp_path / "f0.yml", {})

    assert file.unread
    assert len(file.services) <= 30


def test_the_override_file_belongs_to_the_default_file(tmp_path):
    _files(tmp_path, **{"compose.yaml": "services: {}\n", "compose.override.yml": "services: {}\n"})

    names = [path.name for path in find_default_files(tmp_path)]

    assert names == ["compose.yaml", "compose.override.yml"]
    assert find_default_files(tmp_path / "none") == ()


def test_the_variable_compose_file_names_other_files():
    named = {"COMPOSE_FILE": "a.yml,b.yml", "COMPOSE_PATH_SEPARATOR": ","}

    assert find_default_files(Path("x"), named) == (Path("x/a.yml"), Path("x/b.yml"))
    assert find_default_files(Path("x"), {"COMPOSE_FILE": "a.yml:b.yml"}) == (
        Path("x/a.yml"),
        Path("x/b.yml"),
    )
