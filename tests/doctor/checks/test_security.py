"""QCA8xx: settings in a Compose file that expose the host or its data."""

import json
from pathlib import Path

import pytest

from infra.compose_file.line_edits import apply_edits, format_diff
from infra.doctor.blocking import select_blocking
from infra.doctor.checks import CHECKS
from infra.doctor.examine import examine
from tests.support.hosts import compose_file, config, host
from tests.support.verdicts import (
    INFO,
    OK,
    SKIPPED,
    WARNING,
    FileCase,
    assert_file_verdict,
    judge_file,
)

SECURITY = [check.id for check in CHECKS if check.category == "security"]

PORTS = "    ports: ['6379:6379']\n"
SOCKET = "/var/run/docker.sock"
EXTENDS = "    extends: {file: o.yml, service: x}\n"

FILE_CASES = [
    FileCase("QCA801", PORTS, WARNING, "publishes 6379 on all addresses", 4),
    FileCase("QCA801", "    ports: ['0.0.0.0:6379:6379']\n", WARNING, "0.0.0.0:6379", 4),
    FileCase("QCA801", "    ports: ['127.0.0.1:6379:6379']\n", OK, ""),
    FileCase("QCA801", "    ports: ['6379']\n", OK, ""),  # Docker chooses the port
    FileCase("QCA801", PORTS + "    command: --requirepass=${P:-x}\n", OK, ""),
    FileCase("QCA801", PORTS + "    command: --requirepass=\n", WARNING, "without a password", 4),
    FileCase("QCA801", PORTS + "    environment: {DFLY_requirepass: x}\n", OK, ""),
    FileCase("QCA801", PORTS + "    command: --flagfile=/etc/flags\n", SKIPPED, "flag file"),
    FileCase("QCA801", PORTS + "    env_file: a.env\n", SKIPPED, "`env_file`"),
    FileCase("QCA802", f"    volumes: ['{SOCKET}:/s:ro']\n", WARNING, "root on this host", 4),
    FileCase("QCA802", "    volumes:\n      - /run:/host\n", WARNING, "mounts /run", 5),
    FileCase("QCA802", "    volumes: ['/srv/run:/run', 'data:/var/run']\n", OK, ""),
    FileCase("QCA803", "    privileged: true\n", WARNING, "every privilege", 4),
    FileCase("QCA803", "    privileged: false\n", OK, ""),
    FileCase("QCA803", "    pid: host\n", WARNING, "the host's processes", 4),
    FileCase("QCA803", "    network_mode: host\n", INFO, "the host's network", 4),
    FileCase("QCA803", "    network_mode: none\n    pid: 'service:cache'\n", OK, ""),
    FileCase(
        "QCA804",
        "    environment: {DB_PASSWORD: hunter2}\n",
        WARNING,
        "${DB_PASSWORD} instead",
        4,
    ),
    FileCase("QCA804", "    environment: ['API_TOKEN=abcdef']\n", WARNING, "API_TOKEN", 4),
    FileCase("QCA804", "    environment: {DB_PASSWORD: $P, X_TOKEN: '${T:-abc}'}\n", OK, ""),
    FileCase("QCA804", "    environment: {PASSWORD_FILE: /x, A_SECRET: /run/secrets/a}\n", OK, ""),
    FileCase("QCA804", "    environment: {ALLOW_EMPTY_PASSWORD: 'yes'}\n", OK, ""),
    FileCase(
        "QCA804", "    command: --requirepass=hunter2\n", WARNING, "${REQUIREPASS} instead", 4
    ),
    FileCase("QCA804", "    command: --requirepass=$P\n", OK, ""),
    FileCase(
        "QCA804", "    command: --requirepass hunter2\n", WARNING, "${REQUIREPASS} instead", 4
    ),
    FileCase(
        "QCA804",
        "    command: [--requirepass, hunter2, -v]\n",
        WARNING,
        "contains the value of `--requirepass`",
        4,
    ),
    FileCase("QCA804", "    command: --requirepass $P --hz=1\n", OK, ""),
    FileCase("QCA804", "    command: [--tls_auth, --hz=1]\n", OK, ""),
    FileCase("QCA806", "", INFO, "without a memory limit: cache", 2),
    FileCase("QCA806", "    mem_limit: 1g\n", OK, ""),
    FileCase("QCA806", "    deploy: {resources: {limits: {memory: 1g}}}\n", OK, ""),
    FileCase("QCA805", "  db: {image: redis}\n", INFO, "These images have no version: redis", 4),
    FileCase("QCA805", "", OK, ""),
    *(FileCase(check, EXTENDS, SKIPPED, "extends") for check in SECURITY if check != "QCA801"),
]


@pytest.mark.parametrize("case", FILE_CASES, ids=str)
def test_a_service_gets_its_verdict(tmp_path, case):
    assert_file_verdict(tmp_path, case)


@pytest.mark.parametrize(
    ("service", "severity"),
    [
        ("image: redis:8, ports: ['6379:6379']", WARNING),
        ("image: docker.io/valkey/valkey:9@sha256:00, ports: ['6379:6379']", WARNING),
        ("image: redis:8, ports: ['6379:6379'], command: redis-server --requirepass x", OK),
        ("image: redis:8, ports: ['6379:6379'], command: redis-server /etc/redis.conf", SKIPPED),
        ("image: redis:8, ports: ['6379:6379'], command: redis-server --requirepass ''", WARNING),
        ("image: redis:8, ports: ['6379:6379'], command: [--requirepass, --port, '1']", WARNING),
        ("image: redis:8, ports: ['6379:6379'], command: [--requirepass=x]", OK),
        ("image: redis:8, ports: ['6379:6379'], command: --aclfile /etc/users.acl", SKIPPED),
        ("image: redis/redis-stack, ports: ['1:1'], environment: {REDIS_ARGS: --save 9}", WARNING),
        (
            "image: redis/redis-stack, ports: ['1:1'], environment: {REDIS_ARGS: --requirepass x}",
            OK,
        ),
        ("image: redis:8, network_mode: host", WARNING),
        ("image: redis:8, network_mode: host, command: --requirepass x", OK),
        ("image: redis:8, network_mode: host, command: --bind 127.0.0.1 -::1 --port 1", OK),
        ("image: redis:8, network_mode: host, command: --bind 127.0.0.1 0.0.0.0", WARNING),
        ("image: redis:8, network_mode: host, ports: ['127.0.0.1:6379:6379']", WARNING),
        ("image: dragonflydb/dragonfly:v1.40.0, network_mode: host", WARNING),
        ("image: dragonflydb/dragonfly:v1.40.0, network_mode: host, command: --bind=127.0.0.1", OK),
        ("image: bitnami/redis:8, ports: ['6379:6379'], environment: {REDIS_PASSWORD: x}", OK),
        ("image: oliver006/redis_exporter:v1, ports: ['9121:9121']", OK),
        ("image: redis:8", OK),
        ("build: ., ports: ['6379:6379']", OK),
    ],
)
def test_stores_are_recognized_by_their_images(tmp_path, service, severity):
    found = judge_file(tmp_path, "QCA801", f"services: {{db: {{{service}}}}}\n")

    assert found.severity is severity


@pytest.mark.parametrize(
    ("service", "severity"),
    [
        ("image: redis", INFO),
        ("image: 'redis:latest'", INFO),
        ("image: localhost:5000/redis", INFO),
        ("image: redis:8", OK),
        ("image: redis@sha256:00", OK),
        ("image: mine, build: .", OK),
        ("build: .", OK),
    ],
)
def test_an_image_without_a_version(tmp_path, service, severity):
    found = judge_file(tmp_path, "QCA805", f"services: {{db: {{{service}}}}}\n")

    assert found.severity is severity


@pytest.mark.parametrize(
    ("check", "lines", "diff"),
    [
        ("QCA801", "    ports:\n      - '6379:6379'\n", ("6379:6379", "127.0.0.1:6379:6379")),
        ("QCA801", "    ports: ['0.0.0.0:6379:6379']\n", ("0.0.0.0:6379", "127.0.0.1:6379:")),
        ("QCA801", "    ports:\n      - 7000-7002:7000-7002\n", ("7000-", "127.0.0.1:7000-7002:")),
        ("QCA803", "    privileged: true  # for tty\n", ("true", "false")),
    ],
)
def test_the_fix_is_shown_as_a_diff_and_left_to_the_user(tmp_path, check, lines, diff):
    head = "services:\n  cache:\n    image: redis:8\n"

    (remedy,) = judge_file(tmp_path, check, head + lines).remedies

    old, new = [line for line in format_diff(remedy.edits).splitlines()[3:] if line[0] in "+-"]
    assert not remedy.automatic
    assert diff[0] in old
    assert diff[1] in new


@pytest.mark.parametrize(
    "ports",
    [
        "'${PORTS:-6379:6379}'",  # the variable may have an address too
        "'${AT:-0.0.0.0}:6379:6379'",
        "6379:6379/tcp, 6379:6379",  # one is a part of the other
        "{target: 6379, published: 6379}",  # the service has braces as well
        "6379:6379, {target: 6380, published: 6380}",
    ],
)
def test_no_diff_is_offered_if_the_words_are_ambiguous(tmp_path, ports):
    text = f"services: {{db: {{image: 'redis:8', ports: [{ports}]}}}}\n"

    assert judge_file(tmp_path, "QCA801", text).remedies == ()


def test_security_findings_are_at_most_warnings_and_block_nothing(tmp_path):
    text = (
        "services:\n  db:\n    image: redis\n    privileged: true\n    pid: host\n"
        "    network_mode: host\n    ports: ['6379:6379']\n    environment: {A_TOKEN: hunter2}\n"
        f"    volumes: ['{SOCKET}:{SOCKET}']\n"
    )
    findings = examine(host(), config(), files=[compose_file(tmp_path, text)])

    security = [finding for finding in findings if finding.category == "security"]

    assert {finding.id for finding in security} == set(SECURITY)
    assert {finding.severity for finding in security} == {WARNING, INFO}
    assert select_blocking(security) == []
    assert "hunter2" not in json.dumps([(f.message, dict(f.evidence)) for f in security])


@pytest.mark.parametrize(
    ("check", "lines", "after"),
    [
        (
            "QCA801",
            "    ports: ['6379:6379', '7000:7000']\n",
            "    ports: ['127.0.0.1:6379:6379', '127.0.0.1:7000:7000']\n",
        ),
        (
            "QCA801",
            "    ports: ['6379:6379', '16379:6379', '6379:6380']\n",
            "    ports: ['127.0.0.1:6379:6379', '127.0.0.1:16379:6379', '127.0.0.1:6379:6380']\n",
        ),
        (
            "QCA801",
            '    ports:\n      - ${PORT:-6379}:6379\n      - "0.0.0.0:${OTHER:-6380}:6379/tcp"\n',
            "    ports:\n      - 127.0.0.1:${PORT:-6379}:6379\n"
            '      - "127.0.0.1:${OTHER:-6380}:6379/tcp"\n',
        ),
        (
            "QCA801",
            "    ports:\n      - target: 6379  # the store\n        published: ${PORT:-6379}\n"
            "      -   published: '6380'\n          target: 6379\n",
            "    ports:\n      - target: 6379  # the store\n        host_ip: 127.0.0.1\n"
            "        published: ${PORT:-6379}\n"
            "      -   published: '6380'\n          host_ip: 127.0.0.1\n          target: 6379\n",
        ),
        (
            "QCA801",
            "    ports:\n      - {target: 6379, published: '${PORT:-6379}'}\n"
            "      - {target: 6379, host_ip: '0.0.0.0', published: 6380}\n"
            "      - target: 6379\n        published: 6381\n        host_ip: '::'\n",
            "    ports:\n      - {host_ip: 127.0.0.1, target: 6379, published: '${PORT:-6379}'}\n"
            "      - {target: 6379, host_ip: 127.0.0.1, published: 6380}\n"
            "      - target: 6379\n        published: 6381\n        host_ip: 127.0.0.1\n",
        ),
        (
            "QCA801",
            "    ports:\n      - 6379:6379\n      - 127.0.0.1:1:1\n      - 7000:7000\n",
            "    ports:\n      - 127.0.0.1:6379:6379\n      - 127.0.0.1:1:1\n"
            "      - 127.0.0.1:7000:7000\n",
        ),
        (
            "QCA802",
            "    volumes:\n      - a:/a\n      - '/var/run/docker.sock:/s'  # why\n",
            "    volumes:\n      - a:/a\n",
        ),
        ("QCA803", "    pid: host\n    restart: always\n", "    restart: always\n"),
        (
            "QCA804",
            "    environment:\n      A_TOKEN: 'abcdef'\n",
            "    environment:\n      A_TOKEN: ${A_TOKEN}\n",
        ),
        (
            "QCA804",
            "    environment:\n      - A_TOKEN=abcdef\n",
            "    environment:\n      - A_TOKEN=${A_TOKEN}\n",
        ),
    ],
)
def test_the_fix_does_not_change_the_rest_of_the_file(tmp_path, check, lines, after):
    head = "services:\n  cache:\n    image: redis:8\n"
    (remedy,) = judge_file(tmp_path, check, head + lines).remedies
    path = Path(remedy.edits[0].file)

    apply_edits(remedy.edits)

    assert path.read_text() == head + after
    assert "abcdef" not in " ".join(remedy.commands)


@pytest.mark.parametrize(
    ("check", "lines"),
    [
        ("QCA802", "    volumes: ['/var/run/docker.sock:/s']\n"),
        ("QCA802", "    volumes:\n      - /var/run/docker.sock:/s\n    restart: always\n"),
        ("QCA803", "    <<: {pid: host}\n"),
        ("QCA804", "    environment: {A_TOKEN: abcdef}\n"),
        ("QCA804", "    command: --requirepass=hunter2\n"),
    ],
)
def test_lines_with_other_content_are_left_to_the_user(tmp_path, check, lines):
    head = "services:\n  cache:\n    image: redis:8\n"

    assert judge_file(tmp_path, check, head + lines).remedies == ()
