"""A version is parsed into the numbers at its start."""

import pytest

from qca.core.versions import parse_version


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("29.2.1", (29, 2, 1)),
        ("v2.40.3", (2, 40, 3)),
        ("2.26.1-4", (2, 26, 1)),
        ("6.1.0-18-amd64", (6, 1, 0)),
        ("28.0.0-rc.1", (28, 0, 0)),
        ("29", (29,)),
        ("dev", ()),
        ("", ()),
        ("\u0663.1", ()),
    ],
)
def test_the_numbers_of_a_version(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_version(text) == numbers


def test_a_very_long_number_is_refused_quickly() -> None:
    assert len(str(parse_version("9" * 10_000)[0])) == 9
