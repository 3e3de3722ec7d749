"""Characters that a terminal would interpret or hide are escaped."""

import pytest

from qca.core.visible import escape_invisible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, mit Umlauten: größe, 日本語, 🙂", "plain, mit Umlauten: größe, 日本語, 🙂"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x07\r", "\\x1b[31mred\\x07\\x0d"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("a\u2028b", "a\\u2028b"),
        ("blank\u3164", "blank\\u3164"),
        ("c1\x9b31m", "c1\\x9b31m"),
        ("not UTF-8 \udcff", "not UTF-8 \\xff"),
    ],
)
def test_an_invisible_character_is_escaped(text, shown):
    assert escape_invisible(text) == shown
