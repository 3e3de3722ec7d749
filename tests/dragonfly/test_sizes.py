"""Sizes are parsed and printed as Dragonfly does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.dragonfly.releases import NEWEST_READ
from infra.dragonfly.sizes import format_human_readable, read_size
from qca.core.units import GIB, MIB, format_exact_size, parse_size


@pytest.mark.parametrize("text", ["4G", "4g", "4GB", "4gb", "4GiB", "4096mb", "4294967296", "4.0G"])
def test_sizes_are_binary(text):
    assert read_size(text) == 4 * GIB


@pytest.mark.parametrize(
    "text", ["512.mb", "+512mb", " 512mb", "0x20000000", ".5g", "536870912BB", "512mib", "0.5GiB"]
)
def test_notations_that_v1_40_accepts(text):
    assert read_size(text) == 512 * MIB


@pytest.mark.parametrize(
    "text",
    [
        *("4 Gigs", "4Gigs", "G", "", "4X", "-4G", "99999999E"),
        *("4GIB", "512mIB", "512 mb", "1,5g", "9E", "inf", "nan", "4iB"),
    ],
)
def test_sizes_that_it_rejects(text):
    assert read_size(text) is None


def test_before_v1_36_only_the_first_letter_counted():
    assert read_size("4Gjunk", (1, 35, 0)) == 4 * GIB
    assert read_size("4Gjunk", (1, 36, 0)) is None


@pytest.mark.parametrize(
    ("size", "printed"),
    [
        (512, "512B"),
        (512 * 1024, "512.0KiB"),
        (256 * MIB, "256.00MiB"),
        (4 * GIB, "4.00GiB"),
        (2**50, "1.00PiB"),
    ],
)
def test_a_size_is_printed_as_in_its_log(size, printed):
    assert format_human_readable(size) == printed


@given(st.integers(min_value=0, max_value=2**50))
def test_a_written_size_is_read_back(size):
    assert read_size(format_exact_size(size)) == size == parse_size(format_exact_size(size))


@given(st.text(max_size=30))
def test_any_text_is_read_or_rejected_as_a_size(text):
    for release in (NEWEST_READ, (1, 35, 0)):
        size = read_size(text, release)
        assert size is None or size >= 0
