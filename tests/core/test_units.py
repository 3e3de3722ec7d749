import pytest
from hypothesis import given
from hypothesis import strategies as st

from qca.core.errors import InputError
from qca.core.units import GIB, format_count, format_exact_size, format_size, parse_size


@pytest.mark.parametrize(
    "text", ["4G", "4g", "4GB", "4gb", "4GiB", "4Gi", "4096m", "4096MB", "4294967296", " 4G "]
)
def test_notations_of_the_same_size_are_equal(text):
    assert parse_size(text) == 4 * GIB


@pytest.mark.parametrize(
    ("text", "size"),
    [("1.25GiB", 1342177280), ("0.5k", 512), ("100b", 100), (4096, 4096), ("0", 0)],
)
def test_decimals_bytes_and_numbers(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["4 Gigs", "4 G", "-4G", "", "G", "4ib", "1.G", "4GG", "1e9", "4,5G", True, "٤G"]
)
def test_a_text_that_is_not_a_size_is_refused_with_the_accepted_forms(text):
    with pytest.raises(InputError) as refused:
        parse_size(text)
    assert "4GiB" in refused.value.hint


def test_a_size_beyond_63_bits_is_refused():
    with pytest.raises(InputError, match="8 EiB"):
        parse_size("9E")


@given(st.integers(0, 2**62))
def test_an_exact_size_is_read_back_as_the_same_number(size):
    assert parse_size(format_exact_size(size)) == size


@given(st.integers(0, 2**62))
def test_a_formatted_size_is_right_to_its_last_digit(size):
    assert parse_size(format_size(size).replace(" ", "")) == pytest.approx(size, rel=0.005)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1342177280, "1.25 GiB"), (2**60, "1 EiB")],
)
def test_formatted_sizes(size, text):
    assert format_size(size) == text


def test_one_of_something_is_singular():
    assert [format_count(n, "CPU") for n in (0, 1, 2)] == ["0 CPUs", "1 CPU", "2 CPUs"]
