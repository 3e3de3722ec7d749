"""Values that make Dragonfly exit by its own rules."""

import pytest

from infra.dragonfly.exit_rules import list_broken_rules
from infra.dragonfly.releases import NEWEST_READ

BROKEN = [
    ({"dbfilename": "dump.rdb"}, "DF snapshot format"),
    ({"dbfilename": "dump.dfs"}, "DF snapshot format"),
    ({"dbfilename": "/data/dump"}, "--dir"),
    ({"dbfilename": '"dump"'}, "quote"),
    ({"dbfilename": "dump.df", "df_snapshot_format": "false"}, ".rdb"),
    ({"save_schedule": "*:30"}, "30 * * * *"),
    ({"save_schedule": "often"}, "which takes a crontab"),
    ({"port": "0"}, "unixsocket"),
    ({"dbnum": "1025"}, "1024"),
    ({"tls": "true"}, "requirepass"),
    ({"cluster_mode": "true"}, "an empty value or emulated or yes"),
    ({"notify_keyspace_events": "KEA"}, "Ex"),
    ({"proactor_affinity_mode": "numa"}, "auto or off or on"),
    ({"pipeline_queue_limit": "0"}, "greater than 0"),
    ({"help": "true"}, "and exits"),
    ({"unixsocketperm": "1777", "unixsocket": "/tmp/s"}, "octal"),
    ({"unixsocketperm": "rw", "unixsocket": "/tmp/s"}, "octal"),
]
KEPT = [
    {"dbfilename": "dump"},
    {"dbfilename": ""},
    {"dbfilename": "dump.RDB", "df_snapshot_format": "no"},
    {"dbfilename": "s3://bucket/dump"},
    {"save_schedule": ""},
    {"port": "0", "unixsocket": "/tmp/s"},
    {"port": "-1"},
    {"dbnum": "1024"},
    {"tls": "false"},
    {"tls": "true", "tls_ca_cert_file": "/ca"},
    {"cluster_mode": "emulated"},
    {"notify_keyspace_events": "Ex"},
    {"proactor_affinity_mode": "off"},
    {"help": "false"},
    {"unixsocketperm": "0770", "unixsocket": "/tmp/s"},
    {"unixsocketperm": "rw"},
]


@pytest.mark.parametrize(("values", "says"), BROKEN)
def test_a_broken_rule(values, says):
    ((flag, reason),) = list_broken_rules(values, NEWEST_READ)

    assert flag == next(iter(values))
    assert says in reason


@pytest.mark.parametrize("values", KEPT)
def test_a_kept_rule(values):
    assert not list(list_broken_rules(values, NEWEST_READ))


@pytest.mark.parametrize(
    ("values", "before"),
    [({"dbfilename": "dump.rdb"}, (1, 8, 0)), ({"save_schedule": "*:30"}, (1, 13, 0))],
)
def test_a_rule_that_a_release_introduced(values, before):
    assert not list(list_broken_rules(values, before))
