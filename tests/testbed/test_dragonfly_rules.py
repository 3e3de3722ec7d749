"""The stand-in's rules agree with runs of Dragonfly and its sources; this needs no engine."""

import pytest

from tests.support.dragonfly_outcomes import Run, ask_standin, read_runs

from .dragonfly_standin import rules
from .dragonfly_standin.flags import ABORTED, StartRefusedError, parse_flags
from .dragonfly_standin.valkey import build_config
from .dragonfly_standin.values import format_size, parse_size, parse_switch

GIB = 1024**3
MIB = 1024**2
BIG_HOST = rules.Host(affinity=16, available_bytes=64 * GIB)


STATUSES = {"UP": "", "exit 0": "0", "exit 1": "1", "exit 255": "255", "exit -6": "134"}


@pytest.mark.parametrize("run", read_runs(), ids=str)
def test_the_stand_in_ends_like_dragonfly(run: Run):
    host = rules.Host(affinity=2, available_bytes=8 * GIB)

    status, _, message = ask_standin(run.words, run.variables, host).partition(": ")

    assert status == STATUSES[run.outcome]
    assert run.starts or run.message in message


def parse(*arguments, environment=None, files=None):
    def read_file(path):
        try:
            return (files or {})[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    return parse_flags(arguments, environment or {}, read_file)


@pytest.mark.parametrize(
    "text", ["4G", "4g", "4GB", "4gb", "4GiB", "4096m", "4096mb", "4294967296"]
)
def test_sizes_that_are_four_gibibytes(text):
    assert parse_size(text) == 4 * GIB


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.25GiB", 1342177280), (".5k", 512), ("0", 0), ("10B", 10), ("1e3", 1000), ("1T", 1024**4)],
)
def test_other_sizes(text, value):
    assert parse_size(text) == value


@pytest.mark.parametrize(
    "text", ["", "G", "4Gjunk", "4 Gigs", "4 G", "-1G", "4iB", "4GBB", "4GIB", "lots"]
)
def test_malformed_sizes(text):
    with pytest.raises(ValueError, match=r"^Use human-readable format, eg.: 500MB, 1G, 1TB$"):
        parse_size(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1536, "1.5KiB"),
        (256 * MIB, "256.00MiB"),
        (4 * GIB, "4.00GiB"),
        (1342177280, "1.25GiB"),
        (72 * 256 * MIB, "18.00GiB"),
    ],
)
def test_sizes_as_they_are_printed(value, text):
    assert format_size(value) == text


@pytest.mark.parametrize(
    ("arguments", "threads", "maxmemory"),
    [
        (["--proactor_threads=16", "--maxmemory=4G"], 16, 4 * GIB),  # equality passes
        (["--proactor_threads", "8", "--maxmemory", "2G"], 8, 2 * GIB),
        (["-proactor_threads=1", "-maxmemory=268435456"], 1, 256 * MIB),
    ],
)
def test_starts(arguments, threads, maxmemory):
    chosen = rules.choose_limits(parse(*arguments), BIG_HOST)
    rules.check_memory(chosen)
    assert (chosen.threads, chosen.maxmemory) == (threads, maxmemory)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--maxmemory=2G"], "There are 16 threads, so 4.00GiB are required. Exiting..."),
        (
            ["--proactor_threads=10", "--maxmemory=1.5G"],
            "There are 10 threads, so 2.50GiB are required. Exiting...",
        ),
        (
            ["--proactor_threads=1", "--maxmemory=268435455"],
            "There are 1 threads, so 256.00MiB are required. Exiting...",
        ),
    ],
)
def test_less_than_256_mib_per_thread_is_refused(arguments, message):
    with pytest.raises(StartRefusedError) as refusal:
        rules.check_memory(rules.choose_limits(parse(*arguments), BIG_HOST))
    assert (str(refusal.value), refusal.value.status) == (message, 1)


def test_without_maxmemory_the_rule_applies_to_four_fifths_of_the_available_memory():
    host = rules.Host(affinity=16, available_bytes=4 * GIB)
    chosen = rules.choose_limits({}, host)
    assert chosen.maxmemory == int(0.8 * 4 * GIB)
    with pytest.raises(StartRefusedError, match=r"16 threads, so 4\.00GiB"):
        rules.check_memory(chosen)


def test_more_than_the_host_has_is_only_a_warning():
    host = rules.Host(affinity=4, available_bytes=GIB)
    chosen = rules.choose_limits(parse("--maxmemory=2G"), host)
    rules.check_memory(chosen)
    assert rules.describe_memory(chosen, host) == [
        ("W", "Got memory limit 2.00GiB, however only 1.00GiB was found."),
        ("I", "Max memory limit is: 2.00GiB"),
    ]


@pytest.mark.parametrize(
    ("flags", "quota", "threads"),
    [
        ({}, None, 16),  # the affinity mask
        ({}, 2, 2),  # the quota before the mask
        ({"proactor_threads": "3"}, 2, 3),  # v1.38: the flag before the quota
        ({"proactor_threads": "0"}, 2, 2),  # 0 is "not given"
    ],
)
def test_thread_count(flags, quota, threads):
    assert rules.count_threads(flags, rules.Host(16, GIB, quota)) == threads


@pytest.mark.parametrize(
    ("cpu_max", "threads"),
    [("max 100000", None), ("200000 100000", 2), ("50000 100000", 1), ("150000 100000\n", 2)],
)
def test_cgroup_v2_quota_is_rounded_up(cpu_max, threads):
    assert rules.read_quota_v2(cpu_max) == threads


@pytest.mark.parametrize(
    ("quota", "threads"), [("-1", None), ("200000", 2), ("150000", 1), ("50000\n", None)]
)
def test_cgroup_v1_quota_is_truncated_and_half_a_cpu_is_no_limit(quota, threads):
    assert rules.read_quota_v1(quota, "100000\n") == threads


def test_booleans_take_no_value_from_the_next_argument():
    flags = parse("--logtostderr", "--maxmemory", "4G", "--nocache_mode", "--force_epoll=true")
    assert flags["maxmemory"] == "4G"
    assert parse_switch(flags["logtostderr"])
    assert parse_switch(flags["force_epoll"])
    assert not parse_switch(flags["cache_mode"])


def test_the_last_of_two_flags_applies():
    assert parse("--port=1", "--port=2")["port"] == "2"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--nonsense", "Unknown command line flag 'nonsense'"),
        ("--nonsense=1", "Unknown command line flag 'nonsense'"),
        ("--use_large_pages", "Unknown command line flag 'use_large_pages'"),  # removed in v1.14
        ("--maxmemory", "Missing the value for the flag 'maxmemory'"),
        ("--proactor_threads=four", "Illegal value 'four' specified for flag 'proactor_threads'"),
        ("--maxmemory=4 Gigs", "Use human-readable format, eg.: 500MB, 1G, 1TB"),
    ],
)
def test_flags_that_make_it_exit(argument, message):
    with pytest.raises(StartRefusedError, match=message) as refusal:
        parse(argument)
    assert refusal.value.status == 1


def test_the_command_line_overrides_flags_of_the_environment():
    environment = {"DFLY_maxmemory": "1G", "DFLY_port": "1", "DFLY_DEV_ENV": "x", "HOME": "/"}
    assert parse("--port=2", environment=environment) == {"maxmemory": "1G", "port": "2"}


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("DFLY_PASSWORD", "unknown environment variable DFLY_PASSWORD"),
        ("DFLY_MAXMEMORY", "unknown environment variable DFLY_MAXMEMORY"),  # case-sensitive
        ("DFLY_nonsense", "unknown environment variable DFLY_nonsense"),
        ("DFLY_maxmemory", "could not parse flag maxmemory"),
    ],
)
def test_environment_that_makes_it_exit(variable, message):
    with pytest.raises(StartRefusedError, match=message) as refusal:
        parse(environment={variable: "junk"})
    assert refusal.value.status == ABORTED


def test_flagfile_is_read_at_its_position():
    text = "# secret\n\n  --requirepass=a b\n--port=3\n"
    flags = parse("--port=1", "--flagfile=/run/secrets/x", files={"/run/secrets/x": text})
    assert flags == {"requirepass": "a b", "port": "3"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("requirepass=x", "Unexpected line in the flagfile f: requirepass=x"),
        ("--requirepass x", "Unknown command line flag 'requirepass x'"),
        (None, "Can't open flagfile f"),
    ],
)
def test_flagfiles_that_make_it_exit(text, message):
    with pytest.raises(StartRefusedError, match=message):
        parse("--flagfile", "f", files={} if text is None else {"f": text})


def test_valkey_gets_the_same_settings_and_writes_nothing():
    flags = parse("--requirepass", 'a"b\\', "--cache_mode", "--port=7000", "--dir=/data")
    config = build_config(flags, GIB).splitlines()
    assert {
        'save ""',
        "appendonly no",
        "port 7000",
        f"maxmemory {GIB}",
        "maxmemory-policy allkeys-lru",
        'requirepass "a\\"b\\\\"',
        'dir "/data"',
    } <= set(config)
