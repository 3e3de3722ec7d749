"""A file's content cannot control the terminal, hide in a report, or cause a Python warning."""

import json
import os

import pytest

from infra.doctor.formats import FORMATS

INVISIBLE = "\x1b]0;owned\x07", "\u202e", "\u2066", "\u200b", "\x9b2J"

FILE = """\
services:
  "ca{}che":
    image: dragonflydb/dragonfly:v1.40.0
    command: ["--maxmemory=1G", "--proactor_threads=16", "--fl{}ag=1"]
    mem_limit: "3{}g"
  a: &x {{image: x}}
  b: &x {{image: y}}
"""


@pytest.mark.parametrize("format_", sorted({*FORMATS} - {"json"}))
def test_no_format_prints_control_or_invisible_characters(qca, format_):
    files = []
    for number, characters in enumerate(INVISIBLE):
        escaped = "".join(f"\\u{ord(one):04x}" for one in characters)
        (qca.folder / f"{number}.yml").write_text(FILE.format(escaped, escaped, escaped))
        files.append(f"{number}.yml")
    done = qca("doctor", "--files-only", *files, "--format", format_, check=None)
    for characters in INVISIBLE:
        assert characters not in done.stdout + done.stderr
    assert done.stderr == ""
    assert done.returncode == 1


def test_an_error_escapes_the_name_of_its_file(qca):
    for name in ("a\x1b[31m\u202e.yml", os.fsdecode(b"a\xff.yml"), "-x\x1b.yml"):
        for words in (["doctor", "--files-only", f"./{name}"], ["plan", "--config", name]):
            done = qca(*words, check=2)
            assert "\x1b" not in done.stderr
            assert "\u202e" not in done.stderr


def test_a_foreign_state_folder_cannot_control_the_terminal(qca):
    (qca.folder / ".qca/r/logs").mkdir(parents=True)
    launch = {"runtime": "local", "project": "p", "run": "r", "runs": "runs"}
    (qca.folder / ".qca/r/launch.json").write_text(json.dumps(launch))
    (qca.folder / ".qca/r/logs/trainer.log").write_text("\x1b]0;owned\x07\u202e\n")
    shown = qca("logs").stdout
    assert "\\x1b]0;owned\\x07\\u202e" in shown
    assert "\x1b" not in shown
    (qca.folder / ".qca/r/launch.json").write_text(json.dumps({**launch, "run": "\x1b[2J"}))
    for command in ("status", "logs", "down"):
        assert "\x1b" not in qca(command, check=1).stderr
