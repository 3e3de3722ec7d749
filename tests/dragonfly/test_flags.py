"""The names and values of Dragonfly's flags."""

import pytest

from infra.dragonfly.flags import (
    REMOVED_FLAGS,
    find_closest_flag,
    is_illegal_value,
    is_known_flag,
    suggest_spelling,
)


@pytest.mark.parametrize("flag", ["maxmemory", "proactor_threads", "nocache_mode", "DEV_ENV"])
def test_a_flag_of_any_release_is_known(flag):
    assert is_known_flag(flag)


@pytest.mark.parametrize("flag", sorted(REMOVED_FLAGS))
def test_a_flag_that_a_release_removed_stays_known(flag):
    assert is_known_flag(flag)


@pytest.mark.parametrize("flag", ["maxmemry", "appendonly", "nonsense"])
def test_a_flag_of_no_release_is_unknown(flag):
    assert not is_known_flag(flag)


@pytest.mark.parametrize(
    ("flag", "closest"), [("maxmemry", "maxmemory"), ("proactor_thread", "proactor_threads")]
)
def test_a_misspelled_flag_has_a_closest_one(flag, closest):
    assert find_closest_flag(flag) == closest


def test_a_word_like_no_flag_has_no_closest_one():
    assert find_closest_flag("zzzzqqqq") == ""


@pytest.mark.parametrize(
    ("flag", "suggestion"),
    [
        ("max-memory", "max_memory"),
        ("MaxMemory", "maxmemory"),
        ("maxmemory 2G", "maxmemory=2G"),
        ("maxmemory", None),
        ("DEV_ENV", None),
    ],
)
def test_a_name_with_signs_that_no_flag_has_gets_a_spelling(flag, suggestion):
    assert suggest_spelling(flag) == suggestion


@pytest.mark.parametrize(
    ("flag", "value"), [("port", "65536"), ("port", "-2"), ("dbnum", "two"), ("hz", "1.5")]
)
def test_a_value_that_a_numeric_flag_cannot_have_is_illegal(flag, value):
    assert is_illegal_value(flag, value)


@pytest.mark.parametrize(
    ("flag", "value"), [("port", "-1"), ("port", "6379"), ("dbnum", "16"), ("maxmemory", "two")]
)
def test_any_other_value_is_not_judged_here(flag, value):
    assert not is_illegal_value(flag, value)
