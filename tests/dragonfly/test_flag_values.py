"""The values of flags are validated by type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.dragonfly.flag_values import describe_legal_values, parse_integer
from infra.dragonfly.releases import NEWEST_READ

LEGAL = [
    ("bool", "yes"),
    ("bool", " T "),
    ("int32", "-5"),
    ("uint32", "+2"),
    ("uint32", "0x2"),
    ("uint32", " 2"),
    ("uint32", "70000"),
    ("port", "-1"),
    ("port", "6379"),
    ("float", "1.5e3"),
    ("size", "512mib"),
    ("cron", "*/30 * * * *"),
    ("cron", ""),
    ("compression", "2"),
    ("compression", "MULTI_ENTRY_LZ4"),
    ("address", ""),
    ("address", "master:6379"),
    ("address", "[::1]:6379"),
    ("address", "::1:6379"),
    ("from64", "64"),
    ("text", ""),
    ("other", "anything"),
    ("", "of a flag that is not known"),
]
ILLEGAL = [
    ("bool", "on"),
    ("bool", "2"),
    ("bool", ""),
    ("int32", "1.5"),
    ("int32", "2147483648"),
    ("uint16", "70000"),
    ("uint16", "-1"),
    ("uint32", "-1"),
    ("uint32", "-0"),
    ("uint32", "0x"),
    ("uint64", "many"),
    ("port", "65536"),
    ("port", "-2"),
    ("float", "much"),
    ("size", "4GIB"),
    ("cron", "*:30"),
    ("compression", "zstd"),
    ("compression", "4"),
    ("compression", "none"),
    ("address", "master"),
    ("address", "master:"),
    ("address", ":6379"),
    ("address", "[::1:6379"),
    ("address", "[]:6379"),
    ("from64", "63"),
    ("from64", "-64"),
    ("from64", "64kb"),
]


@pytest.mark.parametrize(("kind", "value"), LEGAL)
def test_a_value_that_the_type_accepts(kind, value):
    assert describe_legal_values(kind, value, NEWEST_READ) == ""


@pytest.mark.parametrize(("kind", "value"), ILLEGAL)
def test_a_value_that_the_type_rejects(kind, value):
    assert describe_legal_values(kind, value, NEWEST_READ)


def test_before_v1_12_an_illegal_crontab_was_only_a_warning():
    assert describe_legal_values("cron", "*:30", (1, 11, 0)) == ""
    assert describe_legal_values("cron", "*:30", (1, 12, 0))


@given(st.integers(-(2**70), 2**70))
def test_a_number_is_read_in_both_notations(number):
    assert parse_integer(str(number)) == number
    assert parse_integer(f"{number:#x}") == number


@given(st.text(max_size=60))
def test_any_text_is_accepted_or_rejected_by_its_type(text):
    for kind in ("address", "bool", "cron", "float", "from64", "int32", "port", "size", "uint64"):
        assert isinstance(describe_legal_values(kind, text, NEWEST_READ), str)
