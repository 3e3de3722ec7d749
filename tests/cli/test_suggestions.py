"""A misspelled command or option gives exit code 2 and a similar name."""

import pytest
from click.testing import CliRunner

from qca.cli import cli


@pytest.mark.parametrize(
    ("words", "answers"),
    [
        ("stauts", ["No such command 'stauts'. Did you mean 'status'?"]),
        ("render compos", ["No such command 'compos'. Did you mean 'compose'?"]),
        ("runs rmm", ["No such command 'rmm'. Did you mean 'rm'?"]),
        ("reprot first", ["Did you mean 'report' or 'export'?"]),
        ("xyzzy", ["No such command 'xyzzy'.\n"]),
        ("doctor --strct", ["Did you mean", "--strict"]),
        ("--verson", ["Did you mean", "--version"]),
        ("render compose --fatcs x", ["Did you mean", "--facts"]),
    ],
)
def test_the_most_similar_name_is_suggested(words, answers):
    done = CliRunner().invoke(cli, words.split())

    assert done.exit_code == 2
    assert all(answer in done.stderr for answer in answers)
    assert done.stdout == ""
