"""Plain scalars have the values of Compose's parser, and are printed as in Go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.compose_file.yaml.scalars import format_scalar, resolve_plain, resolve_tagged

YAML = "tag:yaml.org,2002:"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("010", "8"),
        ("0o17", "15"),
        ("0b11", "3"),
        ("-0x1F", "-31"),
        ("08", "8"),
        ("1_000", "1000"),
        ("+5", "5"),
        ("-0", "-0"),
        ("1e3", "1000"),
        ("1e6", "1e+06"),
        ("123456789.0", "1.23456789e+08"),
        ("1.50", "1.5"),
        ("-.5", "-0.5"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "1.8446744073709552e+19"),
        pytest.param("9" * 400, "9" * 400, id="more than a float holds"),
        pytest.param("9" * 5000, "9" * 5000, id="5000 digits"),
        ("True", "true"),
        ("~", ""),
        ("2001-12-4", "2001-12-04 00:00:00 +0000 UTC"),
        ("2001-13-01", "2001-13-01"),
        # These are texts, contrary to YAML 1.1 or 1.2.
        ("yes", "yes"),
        ("off", "off"),
        ("22:22", "22:22"),
        ("0o8", "0o8"),
        ("1.2.3", "1.2.3"),
        ("1_", "1"),
        ("-", "-"),
    ],
)
def test_a_plain_scalar(text, printed):
    """The expected texts are those that `docker compose config` prints for a variable."""
    assert format_scalar(resolve_plain(text)) == printed


@pytest.mark.parametrize(
    ("text", "tag", "value"),
    [
        ("5", f"{YAML}str", "5"),
        ("5", f"{YAML}int", 5),
        ("5", f"{YAML}float", 5.0),
        ("true", f"{YAML}bool", True),
        ("", f"{YAML}null", None),
        ("aGk=", f"{YAML}binary", "hi"),
        ("5", "!mine", "5"),
    ],
)
def test_a_scalar_under_a_tag(text, tag, value):
    assert resolve_tagged(text, tag) == value


@pytest.mark.parametrize(
    ("text", "kind"), [("x", "int"), ("1.5", "int"), ("5", "bool"), ("%", "binary")]
)
def test_a_scalar_that_does_not_match_its_tag(text, kind):
    with pytest.raises(ValueError, match=kind):
        resolve_tagged(text, f"{YAML}{kind}")


@given(st.text(alphabet="0123456789abcdefox+-._eE", max_size=12))
def test_any_scalar_is_read(text):
    format_scalar(resolve_plain(text))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_printed_float_is_the_same_float(value):
    assert float(format_scalar(value)) == value
