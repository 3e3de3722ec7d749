"""Dragonfly's flags by release."""

import pytest

from infra.dragonfly.flag_table import (
    Standing,
    find_nearest_flag,
    find_standing,
    is_switch,
    read_flag_table,
)
from infra.dragonfly.releases import NEWEST_READ

TYPES = {
    *("address", "bool", "compression", "cron", "float", "from64", "int32", "list", "other"),
    *("port", "size", "text", "uint16", "uint32", "uint64"),
}


@pytest.mark.parametrize(
    ("flag", "release", "standing"),
    [
        ("maxmemory", (1, 0, 0), Standing.PRESENT),
        ("maxmemory", NEWEST_READ, Standing.PRESENT),
        ("snapshot_cron", (1, 7, 0), Standing.ABSENT),
        ("snapshot_cron", (1, 7, 1), Standing.PRESENT),
        ("oom_deny_ratio", (1, 25, 5), Standing.PRESENT),
        ("oom_deny_ratio", (1, 26, 0), Standing.RETIRED),
        ("oom_deny_ratio", (1, 40, 0), Standing.ABSENT),
        ("use_large_pages", (1, 4, 0), Standing.ABSENT),
        # A flag that was added to the 1.28 branch after the release of 1.29.
        ("mget_dedup_keys", (1, 28, 30), Standing.PRESENT),
        ("mget_dedup_keys", (1, 29, 0), Standing.ABSENT),
        ("mget_dedup_keys", (1, 30, 0), Standing.PRESENT),
        ("pipeline_queue_limit", (1, 15, 0), Standing.ABSENT),
        ("pipeline_queue_limit", (1, 22, 0), Standing.PRESENT),
        ("http_admin_console", (0, 16, 0), Standing.PRESENT),
        ("http_admin_console", (1, 0, 0), Standing.ABSENT),
        ("appendonly", (1, 34, 1), Standing.UNKNOWN),
        ("cf_bucket_size", NEWEST_READ, Standing.ABSENT),  # only on the main branch
        ("logtostderr", (1, 38, 0), Standing.PRESENT),  # the image's own command has it
        # Builds with glog have the flags that builds with Abseil declare from v1.38.2 on.
        ("alsologtostderr", (1, 2, 0), Standing.PRESENT),
        ("alsologtostderr", (1, 38, 1), Standing.PRESENT),
        ("alsologtostderr", NEWEST_READ, Standing.PRESENT),
        ("proactor_threads", (1, 15, 1), Standing.PRESENT),  # as in the releases around it
        ("log_utc_time", (1, 37, 0), Standing.PRESENT),
        ("log_utc_time", (1, 38, 0), Standing.UNCERTAIN),
        # The table starts with v1.0.
        ("maxmemory", (0, 9, 0), Standing.PRESENT),
        ("appendonly", (0, 9, 0), Standing.UNCERTAIN),
    ],
)
def test_a_flag_by_release(flag, release, standing):
    assert find_standing(flag, release) is standing


@pytest.mark.parametrize(
    ("flag", "release", "standing"),
    [
        ("maxmemory", (2, 1, 0), Standing.PRESENT),
        ("cf_bucket_size", (2, 0, 0), Standing.PRESENT),
        ("proactor_busy_poll_usec", (2, 0, 0), Standing.PRESENT),
        ("proactor_busy_poll_usec", (2, 1, 0), Standing.ABSENT),
        ("tiered_max_pending_stash_bytes", (2, 0, 0), Standing.PRESENT),
        ("tiered_max_pending_stash_bytes", (2, 1, 0), Standing.RETIRED),
        ("tiered_max_pending_bytes", (2, 1, 0), Standing.PRESENT),
        ("tiered_max_pending_bytes", (2, 0, 0), Standing.UNCERTAIN),
        ("tiered_max_pending_bytes", NEWEST_READ, Standing.ABSENT),
        ("proactor_tail_cpus", (2, 1, 0), Standing.PRESENT),
        ("proactor_tail_cpus", (2, 0, 0), Standing.UNCERTAIN),
        ("oom_deny_ratio", (2, 1, 0), Standing.UNCERTAIN),
        ("appendonly", (2, 1, 0), Standing.UNCERTAIN),
    ],
)
def test_for_v2_only_flags_on_its_release_pages_are_known(flag, release, standing):
    assert find_standing(flag, release) is standing


def test_every_line_of_the_table_has_a_type_and_dates_in_order():
    for flag, history in read_flag_table().items():
        assert history.type in TYPES, flag
        assert history.since < history.absent, flag
        assert history.retired == (999, 0, 0) or history.since <= history.retired, flag
        if history.gap:
            assert history.since < history.gap[0] <= history.gap[1] < history.absent, flag


@pytest.mark.parametrize(
    ("name", "release", "flag"),
    [
        ("maxmemry", NEWEST_READ, "maxmemory"),
        ("max-memory", NEWEST_READ, "maxmemory"),
        ("MaxMemory", NEWEST_READ, "maxmemory"),
        ("max_memory", NEWEST_READ, "maxmemory"),
        ("memcached-port", (1, 4, 0), "memcache_port"),
        ("oom_deny_ratios", NEWEST_READ, "rss_oom_deny_ratio"),
        ("zzzzqqqq", NEWEST_READ, ""),
    ],
)
def test_the_suggested_flag_exists_in_the_release(name, release, flag):
    assert find_nearest_flag(name, release) == flag


@pytest.mark.parametrize(
    ("flag", "expected"), [("tls", True), ("maxmemory", False), ("nonsense", False)]
)
def test_a_boolean_flag_takes_no_word(flag, expected):
    assert is_switch(flag) is expected
