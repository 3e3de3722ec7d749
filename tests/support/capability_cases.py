"""Whether a Dragonfly with these keys can write its data folder."""

from infra.doctor.finding import Severity
from tests.support.verdicts import (
    ERROR,
    OK,
    SKIPPED,
    WARNING,
)

# Keys of a Dragonfly service, and the verdict; tests/integration/test_data_folder.py starts them.
CAPABILITY_CASES: list[tuple[str, Severity, str]] = [
    ("cap_drop: [ALL]", ERROR, "exits immediately: its entrypoint needs the capabilities SETGID"),
    ("cap_drop: [all]", ERROR, "SETGID and SETUID"),
    ("cap_drop: [CAP_SETUID]", ERROR, "needs the capability SETUID to continue"),
    ("cap_drop: [ALL]\n    user: 999:999", OK, "owns a new volume"),
    ("cap_drop: [ALL]\n    cap_add: [SETUID, SETGID]", OK, "makes Dragonfly the owner"),
    ("cap_drop: [SETUID]\n    cap_add: [SETUID]", OK, "makes Dragonfly the owner"),
    ("cap_drop: [SETUID]\n    cap_add: [ALL]", ERROR, "SETUID"),
    ("cap_drop: [ALL]\n    privileged: true", OK, "makes Dragonfly the owner"),
    ("cap_drop: [DAC_OVERRIDE]", OK, "makes Dragonfly the owner"),
    ("cap_drop: [CHOWN]", OK, "makes Dragonfly the owner"),
    ("cap_drop: [CHOWN]\n    volumes: ['./d:/data']", SKIPPED, "Without CHOWN that may fail"),
    ("cap_drop: [DAC_OVERRIDE]\n    volumes: ['./d:/data']", SKIPPED, "Without DAC_OVERRIDE"),
    ("entrypoint: dragonfly", OK, "runs as root, which can write"),
    ("entrypoint: dragonfly\n    cap_drop: [DAC_OVERRIDE]", WARNING, "without the capability"),
    ("entrypoint: dragonfly\n    cap_drop: [ALL]", WARNING, "runs as root without"),
    ("entrypoint: dragonfly\n    cap_drop: [ALL]\n    cap_add: [DAC_OVERRIDE]", OK, "as root"),
    ("command: /usr/local/bin/dragonfly\n    cap_drop: [ALL]", WARNING, "runs as root without"),
    ("entrypoint: [tini, --, entrypoint.sh]\n    cap_drop: [ALL]", ERROR, "SETGID"),
    ("entrypoint: dragonfly\n    cap_drop: [ALL]\n    volumes: ['./d:/data']", SKIPPED, "ls -ldn"),
    ("user: '1000'\n    cap_add: [DAC_OVERRIDE]", WARNING, "it runs as user 1000"),
    ("volumes: ['dump:/data:ro']", WARNING, "/data is mounted read-only"),
    ("volumes: ['./d:/data:ro']\n    user: 999:999", WARNING, "mounted read-only"),
    (
        "volumes: [{type: volume, source: dump, target: /data, read_only: true}]",
        WARNING,
        "mounted read-only",
    ),
    ("volumes: ['dump:/data:ro']\n    command: --dbfilename=", OK, "no snapshots"),
    ("volumes: ['dump:/data:rw']", OK, "makes Dragonfly the owner"),
    ("read_only: true", OK, "makes Dragonfly the owner"),
]
