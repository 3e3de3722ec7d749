"""Variables are filled in as Compose fills them in."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.doctor.interpolate import BadVariableError, Missing, interpolate, read_dotenv

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
    ],
)
def test_forms(text, filled):
    assert interpolate(text, VARIABLES) == (filled, ())


def test_what_has_no_value_is_reported():
    assert interpolate("$UNSET", VARIABLES) == ("", (Missing("UNSET", None),))
    assert interpolate("${U:?say $SET}", VARIABLES) == ("", (Missing("U", "say yes"),))
    assert interpolate("${EMPTY:?needed}", VARIABLES)[1] == (Missing("EMPTY", "needed"),)
    assert interpolate("${EMPTY?needed}", VARIABLES)[1] == ()


@pytest.mark.parametrize("text", ["${", "${}", "$", "a $ b", "${1X}", "${X!y}", "${X", "$1"])
def test_forms_that_compose_rejects(text):
    with pytest.raises(BadVariableError):
        interpolate(text, VARIABLES)


@given(st.text(alphabet="${}:-?+AB ", max_size=40))
def test_no_text_does_worse_than_being_rejected(text):
    with contextlib.suppress(BadVariableError):
        interpolate(text, VARIABLES)


def test_deep_nesting_is_rejected_and_not_followed():
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


@given(st.text(max_size=200))
def test_no_dotenv_is_too_odd(text):
    read_dotenv(text)
