"""Variables are filled in as by Compose."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.compose_file.syntax.dotenv import BadDotenvError, parse_assignments, read_dotenv
from infra.compose_file.syntax.interpolation import BadVariableError, MissingVariable, interpolate

VARIABLES = {"SET": "yes", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("$SET/x", "yes/x"),
        ("a${SET}b", "ayesb"),
        ("$$SET", "$SET"),
        ("${UNSET:-1250mb}", "1250mb"),
        ("${UNSET-1250mb}", "1250mb"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${SET:-default}", "yes"),
        ("${SET:+other}", "other"),
        ("${EMPTY:+other}", ""),
        ("${EMPTY+other}", "other"),
        ("${UNSET+other}", ""),
        ("${UNSET:-${SET}}", "yes"),
        ("${UNSET:-${ALSO:-deep}}!", "deep!"),
        ("${SET:?needed}", "yes"),
        ("${UNSET:-a-b:c}", "a-b:c"),
        # A `$` that does not start a variable is kept.
        ("$", "$"),
        ("5$", "5$"),
        ("a $ b", "a $ b"),
        ("$1 $? $@ $(date) ^end$", "$1 $? $@ $(date) ^end$"),
        ("${UNSET:-$2a$14$.x}", "$2a$14$.x"),
    ],
)
def test_forms(text, filled):
    assert interpolate(text, VARIABLES) == (filled, ())


def test_a_variable_without_a_value_is_reported():
    assert interpolate("$UNSET", VARIABLES) == ("", (MissingVariable("UNSET", None),))
    assert interpolate("${U:?say $SET}", VARIABLES) == ("", (MissingVariable("U", "say yes"),))
    assert interpolate("${EMPTY:?needed}", VARIABLES)[1] == (MissingVariable("EMPTY", "needed"),)
    assert interpolate("${EMPTY?needed}", VARIABLES)[1] == ()


@pytest.mark.parametrize("text", ["${", "${}", "${1}", "${ X}", "${1X}", "${X!y}", "${X.Y}", "${X"])
def test_forms_that_compose_rejects(text):
    with pytest.raises(BadVariableError):
        interpolate(text, VARIABLES)


@given(st.text(alphabet="${}:-?+AB ", max_size=40))
def test_any_text_is_read_or_rejected(text):
    with contextlib.suppress(BadVariableError):
        interpolate(text, VARIABLES)


def test_deep_nesting_is_rejected():
    with pytest.raises(BadVariableError):
        interpolate("${A:-" * 5000 + "}" * 5000, {})


def test_dotenv():
    text = (
        "# a comment\nA=1\nexport B=two words\nC='quoted # not a comment'\n"
        'D="double"\nE=value # comment\nF=\nnonsense\n  G = spaced \n'
    )

    assert read_dotenv(text) == {
        "A": "1",
        "B": "two words",
        "C": "quoted # not a comment",
        "D": "double",
        "E": "value",
        "F": "",
        "G": "spaced",
    }


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=$SET", "yes"),
        ("A='$SET'", "$SET"),
        ('A="a\\nb ${UNSET:-c}" # comment', "a\nb c"),
        ('A="esc\\$SET \\"q\\" \\\\"', 'esc$SET "q" \\'),
        ('A="two\nlines"', "two\nlines"),
        ("A=pa$$w", "pa$w"),
        ("A=a#b", "a#b"),
        ("A: colon", "colon"),
        ("SET\n", "yes"),
        ("SET", "SET"),  # without a newline it is a value without a name
        ("A=a #b", "a"),
        ("A=# b", "# b"),
        ("A='a\\'b'", "a'b"),
        ('A="\\x41 \\0101 \\v"', "\\x41 A \v"),
        ('A="a\\\nb"', "a\\\nb"),
        ("1A.b-c=1", "1"),
        ('A="b" # c\nexport\tB = 2', "2"),
        ("B=1\nA=$B", "1"),
        ("SET=no\nA=$SET", "yes"),
    ],
)
def test_a_dotenv_value_equals_composes(line, value):
    """The expected values are those of `docker compose config` 2.40 for a service's `env_file`."""
    assert list(read_dotenv(line, VARIABLES).values())[-1] == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\nB C=2\n", 2),
        ("A=1\nA;B=1\n", 2),
        ("A='1\n2'\nB=\"x", 3),
        ("A='it''s'", 1),
        ("A=${", 1),
        ("\nA=${UNSET?no}", 2),
    ],
)
def test_a_dotenv_that_compose_refuses(text, line):
    with pytest.raises(BadDotenvError) as error:
        list(parse_assignments(text, VARIABLES))

    assert error.value.line == line


def test_a_dotenv_has_lines():
    found = list(parse_assignments("\nA='x\ny'\n# no\nB=1\n"))

    assert found == [("A", "x\ny", 2), ("B", "1", 5)]


def test_a_dotenv_ends_at_an_unclosed_quote():
    assert read_dotenv("A=1\nB='x\nC=1\n") == {"A": "1"}


@given(st.text(max_size=200))
def test_any_dotenv_is_read_or_rejected(text):
    read_dotenv(text)
