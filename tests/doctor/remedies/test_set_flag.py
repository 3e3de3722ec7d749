"""A Dragonfly flag is set in a command of any form, and the rest of the file stays unchanged."""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.compose_file.line_edits import apply_edits, restore_files
from infra.compose_file.model import ComposeFile, Service
from infra.doctor.examined_files import read_examined_files
from infra.doctor.finding import Remedy
from infra.doctor.remedies.set_flag import set_flag
from infra.dragonfly.service import read_dragonfly

HEAD = (
    "# the stack\nservices:\n  cache:   # ours: --maxmemory=2G\n    image: dragonflydb/dragonfly\n"
)
TAIL = "    restart: always  # --proactor_threads 16\n\nvolumes: {data: {}}\n"


@dataclass(frozen=True)
class Written:
    """The words of a command, and the text of a Compose file that contains it."""

    words: tuple[str, ...]
    text: str


# Values that occur more than once in the file, and values that contain a variable.
values = st.sampled_from(["2G", "16", "2", "/data", "${M:-2G}", "a.b*c"])
names = st.sampled_from(["maxmemory", "proactor_threads", "hz", "dir"])


@st.composite
def commands(draw: st.DrawFn) -> Written:
    """Draw a command with flags of one or two words, as a list, in brackets or as a string."""
    words: list[str] = draw(st.sampled_from([[], ["dragonfly"]]))
    given = draw(st.lists(names, min_size=1, unique=True))
    for name in given:
        value = draw(values)
        pair = [f"--{name}", value]
        words = [*words, *(pair if draw(st.booleans()) else [f"--{name}={value}"])]
        words += draw(st.sampled_from([[], [], ["--force_epoll"]]))
    words += draw(st.sampled_from([[], [], ["--takes_a_word"]]))
    form = draw(st.sampled_from([_write_list, _write_brackets, _write_string, _write_folded]))
    return Written(tuple(words), HEAD + form(draw, words) + TAIL)


def _write_list(draw: st.DrawFn, words: list[str]) -> str:
    comments = st.sampled_from(["", "  # ours", "\n      # --maxmemory 2G"])
    return "    command:\n" + "".join(
        f"      - {_quote(draw, word)}{draw(comments)}\n" for word in words
    )


def _write_brackets(draw: st.DrawFn, words: list[str]) -> str:
    apart = draw(st.sampled_from([", ", ",", ",\n      ", ",  # ours\n      "]))
    begin, end = draw(st.sampled_from([("[", "]"), ("[\n      ", "\n    ]"), ("[ ", ", ]")]))
    return f"    command: {begin}{apart.join(_quote(draw, word) for word in words)}{end}\n"


def _quote(draw: st.DrawFn, word: str) -> str:
    bare = [""] if word[0] in "-/a" and "{" not in word else []  # otherwise YAML reads no string
    quote = draw(st.sampled_from(['"', "'", *bare]))
    return f"{quote}{word}{quote}"


def _write_string(draw: st.DrawFn, words: list[str]) -> str:
    quote, inner = draw(st.sampled_from([("", ""), ("", '"'), ('"', ""), ('"', "'"), ("'", '"')]))
    apart = draw(st.sampled_from([" ", "  "]))
    line = apart.join(_quote_in_shell(draw, word, inner) for word in words)
    return f"    command: {quote}{line}{quote}  # --hz=1\n"


def _write_folded(draw: st.DrawFn, words: list[str]) -> str:
    apart = draw(st.sampled_from(["\n      ", " "]))
    head = draw(st.sampled_from([">", ">-  # --maxmemory=2G", "|"]))
    text = apart.join(_quote_in_shell(draw, word, '"') for word in words)
    return f"    command: {head}\n      {text}\n"


def _quote_in_shell(draw: st.DrawFn, word: str, quote: str) -> str:
    """Quote a value, but never the first word: YAML would interpret that quote itself."""
    quoted = word[0] not in "-d" and draw(st.booleans())
    return f"{quote}{word}{quote}" if quoted else word


def _read(path: Path) -> tuple[ComposeFile, Service]:
    file = read_examined_files([path], {})
    (service,) = file.services
    return file, service


def _words(service: Service) -> list[str]:
    return [text.raw for text in service.command]


def _replace_word(words: list[str], flag: str, setting: str) -> list[str]:
    """Return the words with the flag's new value, or with the flag after the last complete one."""
    for at, word in enumerate(words):
        name, equals, _ = word.lstrip("-").partition("=")
        if word.startswith("-") and name == flag:
            changed = [f"--{name}={setting}"] if equals else [word, setting]
            return [*words[:at], *changed, *words[at + len(changed) :]]
    end = len(words) - (words[-1] == "--takes_a_word")
    return [*words[:end], f"--{flag}={setting}", *words[end:]]


def _remedy(path: Path, flag: str, setting: str) -> Remedy:
    file, service = _read(path)
    return set_flag(file, read_dragonfly(file, service), flag, setting)


def _forget_lines(service: Service) -> tuple[Service, dict[str, str]]:
    """Return what a service has beside its command, without line numbers, which an edit changes."""
    rest = {name: found.value for name, found in service.settings.items()}
    return replace(service, arguments=(), settings={}), rest


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    written=commands(),
    wanted=st.sampled_from(
        [("maxmemory", "4G"), ("proactor_threads", "8"), ("snapshot_cron", "1")]
    ),
)
def test_the_flag_is_set_and_nothing_else_changes(tmp_path, written, wanted):
    path = tmp_path / "docker-compose.yml"
    path.write_text(written.text)
    _, before = _read(path)
    assert _words(before) == list(written.words)

    remedy = _remedy(path, *wanted)
    apply_edits(remedy.edits)

    changed = path.read_text()
    file, after = _read(path)
    assert _words(after) == _replace_word(list(written.words), *wanted)
    assert read_dragonfly(file, after).flags[wanted[0]].value == wanted[1]
    assert _forget_lines(after) == _forget_lines(before)
    (edit,) = remedy.edits
    lines = written.text.split("\n")
    assert changed.split("\n") == [*lines[: edit.line - 1], *edit.new, *lines[edit.line :]]
    assert edit.new[0].partition("#")[1:] == edit.old.partition("#")[1:]

    path.write_text(written.text)
    for command in remedy.commands:
        subprocess.run(["bash", "-c", command], check=True)
    assert path.read_text() == changed
    for command in remedy.undo:
        subprocess.run(["bash", "-c", command], check=True)
    assert path.read_text() == written.text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # The variable was a string, but Compose rejects a number as a word.
        ("      - --proactor_threads\n      - ${N:-16}\n", '      - "8"\n'),
        ("      - !!str --hz=1\n", "      - --proactor_threads=8\n"),
        ("      - &hz --hz=1  # ours\n", "      - --proactor_threads=8\n"),
    ],
)
def test_an_item_of_a_list_is_written_as_compose_accepts_it(tmp_path, before, after):
    path = tmp_path / "a.yml"
    path.write_text(f"{HEAD}    command:\n{before}{TAIL}")

    (edit,) = _remedy(path, "proactor_threads", "8").edits

    assert edit.new[-1] + "\n" == after


@pytest.mark.parametrize(
    "command",
    [
        '"--dir \\"/a b\\" --hz 1"',  # shell quotes inside YAML quotes
        '"--dir=\\"/a\\" --hz 1"\n  other:\n    command: --dir="/a" --hz 1',
        ">\n      --dir '/a\n      b' --hz 1",
        "--hz ${BOTH}",  # two words from one variable
    ],
)
def test_values_not_written_as_read_are_left_to_the_user(tmp_path, command):
    path = tmp_path / "a.yml"
    path.write_text(f"{HEAD}    command: {command}\n{TAIL}")

    file = read_examined_files([path], {"BOTH": "1 --maxmemory=2G"})
    remedy = set_flag(file, read_dragonfly(file, file.services[0]), "hz", "2")

    assert remedy.edits == ()


def test_an_empty_variable_does_not_hide_other_words(tmp_path):
    path = tmp_path / "a.yml"
    path.write_text(f"{HEAD}    command: ${{NONE:-}} --maxmemory 2G ${{NONE:-}} --hz=1\n{TAIL}")

    apply_edits(_remedy(path, "maxmemory", "4G").edits)

    assert "command: ${NONE:-} --maxmemory 4G ${NONE:-} --hz=1\n" in path.read_text()


@pytest.mark.parametrize("ending", ["\n", ""])
def test_a_flag_file_has_one_flag_per_line(tmp_path, ending):
    path = tmp_path / "a.yml"
    path.write_text(
        f"{HEAD}    command: --flagfile /etc/flags\n    volumes: ['./flags:/etc/flags']\n"
    )
    flags = tmp_path / "flags"
    flags.write_text(f"# ours\n  --maxmemory=2G{ending}")

    apply_edits(_remedy(path, "maxmemory", "4G").edits)
    before = apply_edits(_remedy(path, "proactor_threads", "8").edits)

    assert flags.read_text() == f"# ours\n  --maxmemory=4G\n  --proactor_threads=8{ending}"
    restore_files(before)
    assert flags.read_text() == f"# ours\n  --maxmemory=4G{ending}"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "    restart: always\n"])
def test_the_printed_command_keeps_the_line_endings(tmp_path, ending, last):
    path = tmp_path / "docker-compose.yml"
    text = f"{HEAD}    command:\n      - dragonfly\n      - --maxmemory=2G  # a&b\\c\n{last}"
    path.write_bytes(text.replace("\n", ending).encode())

    remedy = _remedy(path, "proactor_threads", "8")
    before = apply_edits(remedy.edits)
    changed = path.read_bytes()
    restore_files(before)
    for command in remedy.commands:
        subprocess.run(["bash", "-c", command], check=True)

    assert path.read_bytes() == changed
    assert changed.count(ending.encode()) == text.count("\n") + 1
    assert changed.replace(ending.encode(), b"").count(b"\r") == 0


APART = [
    "x-m: &m --maxmemory=2G\nservices:\n  a:\n    image: dragonfly\n    command:\n      - *m\n",
    "x-m: &m --maxmemory=2G\nservices:\n  a:\n    image: dragonfly\n    command: [*m]\n",
    "x-m:\n  - &m --maxmemory=2G\nservices:\n  a:\n    image: dragonfly\n    command: [*m]\n",
]


@pytest.mark.parametrize("text", APART)
def test_nothing_is_inserted_after_an_alias_at_its_anchor(tmp_path, text):
    path = tmp_path / "docker-compose.yml"
    path.write_text(text)

    assert _remedy(path, "proactor_threads", "8").edits == ()
    apply_edits(_remedy(path, "maxmemory", "4G").edits)
    assert path.read_text() == text.replace("2G", "4G")
