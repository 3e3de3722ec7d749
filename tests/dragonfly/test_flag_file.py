"""A flag file is read only if it is mounted from the project folder."""

from pathlib import Path

import pytest

from infra.compose_file.load import read_compose_files
from infra.dragonfly.flag_file import read_flag_files
from infra.dragonfly.service import Dragonfly, read_dragonfly

CACHE = "    image: dragonflydb/dragonfly\n"


def write_files(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_yml", ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _read(folder: Path, *names: str) -> Dragonfly:
    paths = [folder / name for name in names or ["a.yml"]]
    file = read_flag_files(read_compose_files(paths, {}))
    return read_dragonfly(file, file.services[0])


@pytest.mark.parametrize(
    ("keys", "top"),
    [
        ("    volumes: ['./conf:/etc/dragonfly:ro']\n", ""),
        (
            "    volumes:\n      - {type: bind, source: ./conf/f, target: /etc/dragonfly/f}\n",
            "",
        ),
        (
            "    configs:\n      - {source: flags, target: /etc/dragonfly/f}\n",
            "configs: {flags: {file: conf/f}}\n",
        ),
    ],
)
@pytest.mark.parametrize("flag", ["--flagfile=/etc/dragonfly/f", "--flagfile /etc/dragonfly/f"])
def test_a_flag_file_in_the_folder_is_read(tmp_path, keys, top, flag):
    write_files(
        tmp_path,
        a_yml=f"services:\n  cache:\n{CACHE}    command: --hz=1 --maxmemory=1G {flag} --hz=3\n"
        f"{keys}{top}",
        conf__f="# ours\n--maxmemory=2G\n--hz=2\n--requirepass=hunter2\n",
    )

    found = _read(tmp_path)

    assert found.unread_flag_file is None
    assert found.flags["maxmemory"].value == "2G"
    assert (found.flags["maxmemory"].line, found.flags["maxmemory"].file) == (
        2,
        str(tmp_path / "conf/f"),
    )
    assert found.flags["hz"].value == "3"


def test_a_flag_file_that_is_a_secret(tmp_path):
    write_files(
        tmp_path,
        a_yml=f"services:\n  cache:\n{CACHE}    command: --flagfile=/run/secrets/flags\n"
        "    secrets: [flags]\nsecrets: {flags: {file: ./f}}\n",
        f="--maxmemory=2G\n",
    )

    assert _read(tmp_path).flags["maxmemory"].value == "2G"


FLAGGED = f"services:\n  cache:\n{CACHE}    command: --flagfile=/run/secrets/f\n    secrets: [f]\n"


@pytest.mark.parametrize(
    ("first", "later", "maxmemory"),
    [
        (FLAGGED, "secrets: {f: {file: ./f}}\n", "1G"),
        (FLAGGED + "secrets: {f: {file: ./g}}\n", "secrets: {f: {file: f}}\n", "1G"),
        ("secrets: {f: {file: ./f}}\n", FLAGGED, "1G"),
        (
            f"services:\n  cache:\n{CACHE}    command: --flagfile=/f\n    volumes: ['./f:/f']\n",
            "services: {cache: {volumes: ['./g:/f']}}\n",
            "2G",
        ),
        (
            f"services:\n  cache:\n{CACHE}    volumes: ['./f:/f']\n",
            "services: {cache: {command: --flagfile=/f}}\n",
            "1G",
        ),
        (
            f"services:\n  cache:\n{CACHE}    command: --flagfile=/x/f\n    volumes: ['.:/x']\n",
            "services: {cache: {volumes: ['./g:/x/f']}}\n",
            "2G",
        ),
        (FLAGGED + "secrets: {f: {file: ./g}}\n", "secrets: {f: !reset null}\n", None),
        (FLAGGED + "secrets: {f: {environment: F}}\n", "x-a: 1\n", None),
        (
            f"services:\n  cache:\n{CACHE}    command: --flagfile=/x/f\n    volumes: ['.:/x']\n",
            "services: {cache: {volumes: ['/etc/hostname:/x/f']}}\n",
            None,
        ),
    ],
)
def test_a_flag_file_is_searched_in_the_merged_files(tmp_path, first, later, maxmemory):
    write_files(tmp_path, a_yml=first, b_yml=later, f="--maxmemory=1G\n", g="--maxmemory=2G\n")

    given = _read(tmp_path, "a.yml", "b.yml").flags.get("maxmemory")

    assert (given.value if given else None) == maxmemory


def test_a_flag_file_outside_the_folder_is_not_read(tmp_path):
    write_files(
        tmp_path,
        here__a_yml=f"services:\n  cache:\n{CACHE}    command: --flagfile=/f\n"
        "    volumes: ['../f:/f']\n",
        f="--maxmemory=2G\n",
    )

    assert _read(tmp_path / "here").unread_flag_file is not None


@pytest.mark.parametrize("over", ["command: !override [dragonfly]", "volumes: !reset []"])
def test_a_flag_file_is_found_by_the_mounts_of_its_service(tmp_path, over):
    (tmp_path / "flags").write_text("--maxmemory=2G\n")
    base = (
        "services:\n  a:\n    image: dragonflydb/dragonfly\n    volumes: ['./flags:/etc/flags']\n"
        "    command: --flagfile=/etc/flags\n"
    )

    write_files(tmp_path, a_yml=base, b_yml=f"services: {{a: {{{over}}}}}\n")

    assert "maxmemory" in _read(tmp_path).flags
    assert "maxmemory" not in _read(tmp_path, "a.yml", "b.yml").flags


def test_a_project_that_is_not_the_working_directory(tmp_path, monkeypatch):
    text = f"services:\n  cache:\n{CACHE}    command: --flagfile=/f\n    volumes: ['./f:/f']\n"
    write_files(tmp_path, here__a_yml=text, here__f="--maxmemory=2G\n")
    monkeypatch.chdir(tmp_path)

    flag = _read(Path("here")).flags["maxmemory"]

    assert (flag.value, flag.file) == ("2G", "here/f")


MOUNTED = (
    f"services:\n  cache:\n{CACHE}    volumes: ['.:/conf']\n    command: --hz=1 --flagfile={{}}\n"
)


@pytest.mark.parametrize("named", ["/conf/f,/conf/g", "/conf/nested"])
def test_several_flag_files_and_nested_ones_are_followed(tmp_path, named):
    write_files(
        tmp_path,
        a_yml=MOUNTED.format(named),
        f="--maxmemory=1G\n",
        g="\n  # ours\n--maxmemory=2G\n",
        nested="--flagfile=/conf/f\n--flagfile=/conf/g\n--flagfile=/conf/nested\n",
    )

    found = _read(tmp_path)

    assert found.flags["maxmemory"].value == "2G"
    assert found.unread_flag_file is None
    assert not found.faults


@pytest.mark.parametrize(
    ("text", "says"),
    [(None, "does not exist"), ("maxmemory=1G\n", "is not a flag")],
    ids=["no such file", "a line without a dash"],
)
def test_a_flag_file_that_makes_dragonfly_exit(tmp_path, text, says):
    files = {"f": text} if text else {}
    write_files(tmp_path, a_yml=MOUNTED.format("/conf/f"), **files)

    (fault,) = _read(tmp_path).faults

    assert says in fault.reason


def test_flags_before_an_unread_flag_file_are_unknown(tmp_path):
    write_files(tmp_path, a_yml=MOUNTED.format("/etc/flags --port=1"))

    assert _read(tmp_path).settled_flags == {"port"}


@pytest.mark.parametrize(("length", "times"), [(30, 2), (500, 1)], ids=["a bomb", "a long chain"])
def test_flag_files_that_include_each_other_end(tmp_path, length, times):
    write_files(tmp_path, a_yml=MOUNTED.format("/conf/f0"), **{f"f{length}": "--maxmemory=1G\n"})
    for number in range(length):
        (tmp_path / f"f{number}").write_text(f"--flagfile=/conf/f{number + 1}\n" * times)

    found = _read(tmp_path)

    assert found.unread_flag_file is not None
    assert "maxmemory" not in found.settled_flags
