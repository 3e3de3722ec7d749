"""Crontabs are validated by croncpp's grammar."""

import pytest

from infra.dragonfly.cron import convert_save_schedule, is_crontab


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *",
        "*/30 * * * *",
        "0  3 * * SUN",
        "0,30 9-17 1 jan-mar mon-fri",
        "5/10 * ? * ?",
        "0 0 31 12 6",
        "1, * * * *",
    ],
)
def test_five_fields(text):
    assert is_crontab(text)


@pytest.mark.parametrize(
    "text",
    [
        "every 5",
        "*:30",
        "0 * * * * *",  # with seconds, which Dragonfly prepends itself
        "'*/30 * * * *'",
        "*/0 * * * *",
        "*/ * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 7",
        "9-5 * * * *",
        "1-2-3 * * * *",
        "-1 * * * *",
        ", * * * *",
        "? * * * *",
        "@hourly",
        "*\t* * * *",
    ],
)
def test_anything_else(text):
    assert not is_crontab(text)


@pytest.mark.parametrize(
    ("schedule", "crontab"),
    [
        ("*:30", "30 * * * *"),
        ("03:05", "5 3 * * *"),
        ("*:*", "* * * * *"),
        ("25:00", ""),
        ("hourly", ""),
        ("1*:00", ""),
    ],
)
def test_a_save_schedule_becomes_a_crontab(schedule, crontab):
    assert convert_save_schedule(schedule) == crontab
