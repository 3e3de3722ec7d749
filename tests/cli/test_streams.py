"""No character that a stream cannot encode ends a command."""

import io
import sys

import pytest

from qca.cli.streams import replace_unencodable_characters
from tests.support.program import Program
from tests.support.run_folders import complete_run
from tests.support.terminal import open_terminal


@pytest.mark.parametrize(
    ("encoding", "text", "written"),
    [
        ("ascii", "2.31 ± 0.02", b"2.31 +/- 0.02"),
        ("ascii", "▁▂▃▄▅▆▇█", b"_.-~=+*#"),
        ("ascii", "naïve", rb"na\xefve"),
        ("latin-1", "2.31 ± 0.02 ▁", b"2.31 \xb1 0.02 _"),
        ("utf-8", "±▁", "±▁".encode()),
        ("utf-8", "name-\udcff", rb"name-\udcff"),
    ],
)
def test_a_character_that_a_stream_cannot_encode_is_replaced(monkeypatch, encoding, text, written):
    stream = io.TextIOWrapper(io.BytesIO(), encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    replace_unencodable_characters()
    stream.write(text)
    assert stream.buffer.getvalue() == written


def test_the_curve_of_a_run_is_drawn_in_ascii(tmp_path):
    complete_run(tmp_path / "runs" / "first")
    plain = Program(tmp_path, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    with open_terminal(plain, "status", "first") as terminal:
        shown = terminal.read_to_end()
    assert "Traceback" not in shown
    assert "episodes" in shown
