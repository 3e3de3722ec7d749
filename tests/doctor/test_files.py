"""Somebody else's compose file against a host: what would not start, on which line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.compose_file.load import read_compose_files
from infra.doctor.blocking import select_blocking
from infra.doctor.check import Check
from infra.doctor.checks import CHECKS
from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Severity
from infra.host.facts import CpuFacts, Listener, SystemFacts
from qca.core.units import MIB
from tests.support.hosts import (
    NO_GPU,
    NO_PLUGIN,
    PLUGIN,
    compose_file,
    config,
    driver,
    engine,
    gpu,
    host,
    no_engine,
)

OK, INFO, WARNING = Severity.OK, Severity.INFO, Severity.WARNING
ERROR, SKIPPED = Severity.ERROR, Severity.SKIPPED

SIXTEEN = host(cpu=CpuFacts(online=16, affinity=16, cgroup_quota=None), docker=engine(cpus=16))
HEAD = "services:\n  cache:\n    image: dragonflydb/dragonfly:v1.30.0\n"


def _found(folder: Path, check: str, text: str, facts: Any = SIXTEEN, **variables: str) -> Finding:
    """The finding of `check` about the file that matters most."""
    file = compose_file(folder, text, **variables)
    findings = examine(facts, config(), files=[file])
    about_it = [one for one in findings if one.id == check and one.location]
    if not about_it:  # it says nothing, and so nothing against the file
        return Finding(check, "file", OK, "", "", {}, (), "", None)
    return max(about_it, key=lambda f: [OK, INFO, SKIPPED, WARNING, ERROR].index(f.severity))


CASES = [
    # The seed's file: 2 GiB for the 16 threads of the host.
    ("QCA301", "    command: dragonfly --maxmemory=2G\n", ERROR, "There are 16 threads", 4),
    ("QCA301", "    command: --maxmemory=2G --proactor_threads=16\n", ERROR, "4.00GiB", 4),
    ("QCA301", "    command: --maxmemory=2G --proactor_threads=8\n", OK, "starts", 4),
    ("QCA301", "    command: --maxmemory=4G --proactor_threads=16\n", OK, "starts", 4),
    ("QCA301", "    mem_limit: 1g\n", ERROR, "0.8 of what is available", 2),
    ("QCA301", "    mem_limit: 1g\n    cpus: 2\n", OK, "2 threads", 2),
    ("QCA301", "    mem_limit: 1g\n    cpuset: 0-1\n", OK, "2 threads", 2),
    ("QCA301", "    mem_limit: 1g\n    cpuset: 0-1,1,0\n", OK, "2 threads", 2),
    ("QCA301", "    mem_limit: 1g\n    cpu_quota: 200000\n", OK, "2 threads", 2),
    ("QCA301", "    mem_limit: 1g\n    cpu_quota: 200000\n    cpu_period: 50000\n", ERROR,
     "4 threads", 2),
    ("QCA301", "    command: --maxmemory=4G\n    cpu_quota: -1\n", OK, "16 threads", 4),
    # v1.30 lets a CPU quota override the flag (issue 4251).
    ("QCA301", "    command: --maxmemory=1G --proactor_threads=2\n    cpus: 8\n", ERROR,
     "overrides", 4),
    ("QCA301", "    command: --maxmemory='4 Gigs'\n", ERROR, "Use human-readable format", 4),
    ("QCA301", "    command: --proactor_threads=four\n", ERROR, "not a number", 4),
    ("QCA301", "    environment: [DFLY_proactor_threads=]\n", ERROR, "'' is not a number", 4),
    ("QCA301", "    command: sh -c 'dragonfly --maxmemory=2G'\n", SKIPPED, "shell", 2),
    ("QCA301", "    command: --flagfile=/etc/flags\n", SKIPPED, "inside the container", 2),
    ("QCA301", "    extends: {file: o.yml, service: x}\n", SKIPPED, "`extends`", 2),
    ("QCA301", "    command: --maxmemory=${M}\n    mem_limit: 9g\n", ERROR, "read the size ''", 4),
    ("QCA301", "    environment: {DFLY_maxmemory: ''}\n", ERROR, "read the size ''", 4),
    ("QCA301", "    command: --maxmemory=0g\n    mem_limit: 1g\n", ERROR, "0.8 of what", 4),
    ("QCA301", "    command: dragonfly --maxmemory=4G -- --proactor_threads=99\n", OK, "16 thr", 4),
    ("QCA301", "    command:\n      - dragonfly --maxmemory=4G\n", ERROR, "no program has the", 2),
    ("QCA301", "    command: --maxmemory=4G --http_admin_console\n", INFO, "(QCA704)", 4),
    ("QCA301", "    command: --maxmemory=4G --max_memory=4G\n", SKIPPED, "the flag max_memory", 4),
    ("QCA302", "    command: --maxmemory=2G\n    mem_limit: 2g\n", WARNING, "too close", 5),
    ("QCA302", "    command: --maxmemory=2G\n    mem_limit: 3g\n", OK, "within", 5),
    ("QCA302", "    command: --maxmemory=2G\n", INFO, "no memory limit", 2),
    ("QCA302", "    mem_limit: 3g\n", INFO, "too close", 4),
    ("QCA601", "    ports: ['6379:6379']\n", ERROR, "redis-server (pid 812)", 4),
    ("QCA601", "    ports: ['6380:6379']\n", OK, "free", 4),
    ("QCA601", "    ports: ['6379:6379/tcp']\n", ERROR, "redis-server", 4),
    ("QCA601", "    ports: ['6379:6379/udp', '6380:1']\n", OK, "6380 is free", 4),
    ("QCA601", "    ports: [{target: 6379, published: 6379, protocol: udp}, '6380:1']\n", OK,
     "6380 is free", 4),
    ("QCA701", "", OK, "read whole", 1),
    ("QCA701", "    extends: {file: o.yml, service: x}\n", SKIPPED, "not read", 4),
    ("QCA701", "    env_file: secrets.env\n", SKIPPED, "`env_file`", 4),
    ("QCA702", "    command: --maxmemory=${M}\n", WARNING, "takes each as empty", 4),
    ("QCA702", "    command: --maxmemory=${M:?say how much}\n", ERROR, "say how much", 4),
    ("QCA702", "    command: --maxmemory=${M:-2G}\n", OK, "", 1),
    ("QCA702", "    env_file: secrets.env\n", SKIPPED, "nor the variables there", 4),
    ("QCA708", "    command: dragonfly --hz=1 | tee log\n", WARNING, "| tee log", 4),
    ("QCA708", "    command: dragonfly --requirepass=a&b --maxmemory=4G\n", WARNING,
     "drops the end of the command: &b --maxmemory=4G", 4),
    ("QCA708", "    entrypoint: 'dragonfly; exit 1'\n", WARNING, "unquoted ;", 4),
    ("QCA708", "    command: dragonfly '--requirepass=a&b'\n", OK, "", 1),
    ("QCA708", "    command: [sh, -c, 'dragonfly | tee log']\n", OK, "", 1),
    ("QCA708", "    extends: {file: o.yml, service: x}\n", SKIPPED, "was not read", 2),
    ("QCA703", "version: '3'\n", INFO, "obsolete", 4),
    ("QCA703", "    gpus: all\n", OK, "", 1),
    ("QCA704", "    command: --http_admin_console=true\n", ERROR, "primary_port_http_enabled", 4),
    ("QCA704", "    command: --oom_deny_commands=get\n", OK, "", 2),  # gone only in v1.40
    ("QCA704", "    command:\n      - --hz=1\n      - --proactor_threads 2\n", ERROR,
     "'proactor_threads 2'.\nIt says: Unknown command line flag. Write proactor_threads=2", 6),
    ("QCA704", "    command: --proactor-threads=2\n", ERROR, "Write proactor_threads.", 4),
    # No spelling of this is a flag's name, so that there is nothing to write instead.
    ("QCA704", "    command: ['--grün=1']\n", ERROR, "'grün'.\nIt says: Unknown comm", 4),
    ("QCA704", "    environment: {DFLY_MAXMEMORY: 2G}\n", ERROR, "Write maxmemory.", 4),
    ("QCA704", "    environment: {DFLY_DEV_ENV: 1, dfly_x: 1}\n", OK, "", 2),
    ("QCA704", "    environment: {DFLY_PASSWORD: x}\n", ERROR, "DFLY_requirepass", 4),
    ("QCA704", "    environment: {DFLY_requirepass: x}\n", OK, "", 2),
    ("QCA301", "    command: --maxmemory=4G --port=abc\n", INFO, "ends over 'port'", 4),
    ("QCA704", "    command: --port=abc\n", ERROR, "over port=abc.\nThe flag's value is a wh", 4),
    ("QCA704", "    command: --port=70000\n", ERROR, "up to 65535", 4),
    ("QCA704", "    environment: {DFLY_dbnum: many}\n", ERROR, "over dbnum=many", 4),
    ("QCA704", "    command: --port=-1 --dbnum=16 --dir=abc\n", OK, "", 2),
    ("QCA704", "    command: --max_memory=2G\n", SKIPPED, "Is maxmemory meant?", 4),
    ("QCA704", "    command: --zzz=2\n", SKIPPED, "`dragonfly --helpfull`", 4),
    ("QCA704", "    environment: {DFLY_zzz: 2}\n", SKIPPED, "the flag zzz", 4),
    ("QCA704", "    command: --noversion_check --dbnum=4 --tls\n", OK, "", 2),
    ("QCA704", "    command: --save_schedule='*:30'\n", ERROR, "write snapshot_cron", 4),
    ("QCA704", "    command: sh -c 'dragonfly --x=1'\n", SKIPPED, "shell", 2),
    ("QCA704", "    command: --flagfile=/etc/flags\n", SKIPPED, "inside the container", 2),
    ("QCA705", "    cpus: 32\n", ERROR, "Range of CPUs is from 0.01 to 16.00", 4),
    ("QCA705", "    cpus: 16\n", OK, "", 1),
    ("QCA705", "    cpus: 0\n", OK, "", 1),
    ("QCA705", "    cpus: many\n", ERROR, "not a number", 4),
    ("QCA705", "    mem_limit: 4 Gigs\n", ERROR, "4 Gigs", 4),
    ("QCA705", "    cpus: inf\n", ERROR, "not a number", 4),
    ("QCA705", "    mem_limit: 512\n", ERROR, "Minimum memory limit allowed is 6MB", 4),
    ("QCA705", "    mem_reservation: 1m\n", ERROR, "Minimum memory reservation allowed", 4),
    ("QCA705", "    mem_limit: 1g\n    mem_reservation: 2g\n", ERROR, "less than memory reserv", 5),
    ("QCA705", "    mem_limit: 1g\n    deploy: {resources: {reservations: {memory: 2g}}}\n", ERROR,
     "less than memory reserv", 5),
    ("QCA705", "    mem_limit: 2g\n    memswap_limit: 1g\n", WARNING, "larger than memory", 5),
    ("QCA705", "    mem_limit: 2g\n    memswap_limit: 2g\n", OK, "", 1),
    ("QCA705", "    mem_limit: 2g\n    memswap_limit: -1\n", OK, "", 1),
    ("QCA705", "    memswap_limit: 1g\n", ERROR, "always set the Memory limit", 4),
    ("QCA705", "    cpus: 2\n    cpu_quota: 100000\n", ERROR, "Nano CPUs and CPU Quota", 5),
    ("QCA705", "    cpu_quota: 500\n", ERROR, "less than 1ms", 4),
    ("QCA705", "    cpu_quota: -1\n    cpu_period: 100000\n", OK, "", 1),
    ("QCA705", "    cpu_period: 500\n", ERROR, "larger than 1s", 4),
    ("QCA705", "    cpuset: 0-15\n", OK, "", 1),
    ("QCA705", "    cpuset: ''\n", OK, "", 1),
    ("QCA705", "    cpuset: 0-16\n", ERROR, "requested 0-16", 4),
    ("QCA705", "    cpuset: '16'\n", WARNING, "there may be no CPU 16", 4),
    ("QCA705", "    cpuset: 0, 1\n", ERROR, "Invalid value 0, 1", 4),
    ("QCA705", "    cpuset: 3-1\n", ERROR, "Invalid value 3-1", 4),
    ("QCA705", "    ulimits: {memlock: {soft: -1, hard: 65536}}\n", ERROR,
     "ulimits.memlock.soft, -1, is more than the hard limit, 65536", 4),
    ("QCA705", "    ulimits: {nofile: {soft: 20, hard: 10}}\n", ERROR, "more than the hard", 4),
    ("QCA705", "    ulimits: {nofile: {soft: 9, hard: 10}, memlock: -1}\n", OK, "", 1),
    ("QCA706", "    gpus: all\n", ERROR, "could not select device driver", 4),
    ("QCA706", "    runtime: nvidia\n", ERROR, "invalid runtime name: nvidia", 4),
]  # fmt: skip


@pytest.mark.parametrize(("check", "rest", "severity", "says", "line"), CASES)
def test_verdict(tmp_path, check, rest, severity, says, line):
    listening = Listener(address="0.0.0.0", port=6379, pid=812, process="redis-server")
    facts = replace(SIXTEEN, listeners=host(listeners=(listening,)).listeners)

    finding = _found(tmp_path, check, HEAD + rest, facts)

    assert finding.severity is severity, finding.message
    assert says in finding.message
    assert finding.location is not None
    assert finding.location.line == line
    assert finding.location.file.endswith("docker-compose.yml")


KERNEL_4 = SystemFacts(
    system="Linux", release="4.19.0-27-amd64", machine="x86_64", distribution="Debian 10", wsl=False
)
NO_IO_URING = replace(KERNEL_4, release="6.12.1", io_uring_disabled=2)


def _asking(how: str, capabilities: str = "gpu") -> str:
    device = f"{{{how}, capabilities: [{capabilities}]}}"
    return f"    deploy: {{resources: {{reservations: {{devices: [{device}]}}}}}}\n"


GPUS = "    gpus: all\n"
CDI = _asking("driver: cdi, device_ids: ['nvidia.com/gpu=all']")
WITH_RUNTIME = engine(runtimes=("runc", "nvidia"))
LOCKED = "    ulimits: {memlock: -1}\n"
OLD_COMPOSE = replace(PLUGIN, version="2.26.1-4")

ON_A_HOST = [
    ("QCA303", host(docker=engine(version="24.0.7")), "", OK, "nothing is known"),
    ("QCA303", host(docker=engine(version="25.0.0")), "", INFO, "seccomp"),
    ("QCA303", host(docker=engine(version="24.0.7"), system=KERNEL_4), "", INFO, "5.10"),
    ("QCA303", host(docker=engine(version="24.0.7"), system=NO_IO_URING), "", INFO,
     "io_uring_disabled"),
    ("QCA303", host(), "    command: --force_epoll\n", OK, "by its own flag"),
    ("QCA304", host(docker=engine(most_memlock=-1)), LOCKED, OK, ""),
    ("QCA304", host(docker=engine(most_memlock=8 * MIB)), LOCKED, ERROR, "8 MiB"),
    ("QCA703", host(gpu=driver(gpu()), compose=OLD_COMPOSE), GPUS, WARNING, "2.26"),
    ("QCA703", host(compose="hung"), GPUS, SKIPPED, "could not be seen"),
    ("QCA706", host(gpu=driver(gpu())), GPUS, OK, "can hand it"),
    ("QCA706", host(gpu=driver(gpu())), _asking("driver: nvidia, count: 1"), OK, "can hand it"),
    ("QCA706", host(gpu=driver(gpu())), _asking("driver: nvidia", "compute, utility"), OK, ""),
    ("QCA706", host(gpu=driver(gpu())), _asking("driver: nvidia", ""), OK, ""),
    ("QCA706", host(gpu=driver(gpu())), _asking("driver: nvidia, count: 2"), ERROR,
     "GPU 1 (deploy.resources.reservations.devices), counted from 0; this host has 1"),
    ("QCA706", host(gpu=driver(gpu())), _asking("device_ids: ['3']"), ERROR, "3: unknown device"),
    ("QCA706", host(gpu=driver(gpu())), _asking("device_ids: ['0', GPU-7]"), OK, ""),
    ("QCA706", host(gpu=driver(gpu())), "    gpus: [{count: 2}]\n", ERROR, "unknown device"),
    ("QCA706", host(gpu=driver(gpu())), "    gpus: []\n    runtime: runc\n", OK, ""),
    ("QCA706", host(gpu=driver(gpu())), _asking("count: 1", "gpu, tpu"), ERROR, "[[gpu tpu]]"),
    ("QCA706", host(gpu=driver(gpu())), _asking("count: 1", "amd"), SKIPPED, "not NVIDIA's"),
    ("QCA706", host(), _asking("count: 1", "nvidia"), ERROR, 'driver "" with capabilities'),
    ("QCA706", host(), _asking("driver: nvidia", "utility"), ERROR, "[[utility]]"),
    ("QCA706", host(docker=engine(version="24.0.7")), CDI, ERROR, 'device driver "cdi"'),
    ("QCA706", host(docker=engine(version="25.0.0")), CDI, SKIPPED, "does not say"),
    ("QCA706", host(), CDI, ERROR, "unresolvable CDI devices nvidia.com/gpu=all"),
    ("QCA706", host(docker=engine(cdi_devices=("nvidia.com/gpu=all",))), CDI, OK, "has found"),
    ("QCA706", host(gpu=driver(gpu())), "    runtime: nvidia\n", ERROR, "name: nvidia"),
    ("QCA706", host(), "    runtime: runsc\n", ERROR, "invalid runtime name: runsc"),
    ("QCA706", host(), "    runtime: io.containerd.runsc.v1\n", OK, ""),
    ("QCA706", host(gpu=driver(gpu()), docker=WITH_RUNTIME), "    runtime: nvidia\n", OK, ""),
    ("QCA706", host(docker=WITH_RUNTIME), "    runtime: nvidia\n", SKIPPED, "shows no GPU"),
    ("QCA706", host(gpu=driver(gpu()), docker=no_engine("not-running")), GPUS, SKIPPED,
     "no engine"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "facts", "rest", "severity", "says"), ON_A_HOST)
def test_verdict_on_a_host(tmp_path, check, facts, rest, severity, says):
    finding = _found(tmp_path, check, HEAD + rest, facts)

    assert finding.severity is severity, finding.message
    assert says in finding.message


ASKED = [
    ({"refused": "services.cache additional properties 'x' not allowed"}, ERROR, "properties 'x'"),
    ({"confirmed_by": "Compose 2.40.3"}, OK, "Compose 2.40.3 takes"),
    ({"not_confirmed_because": "`docker compose` is not there"}, SKIPPED, "is not there"),
]


@pytest.mark.parametrize(("answer", "severity", "says"), ASKED)
def test_what_compose_said_is_told(tmp_path, answer, severity, says):
    file = replace(compose_file(tmp_path, HEAD), **answer)

    (finding,) = [f for f in examine(host(), config(), files=[file]) if f.id == "QCA707"]

    assert finding.severity is severity
    assert finding.location
    assert finding.location.line == (2 if severity is ERROR else 1)
    assert says in finding.message


@pytest.mark.parametrize(
    "check",
    [check for check in CHECKS if check.category == "file" or check.id in ("QCA303", "QCA304")],
    ids=lambda check: check.id,
)
def test_every_check_of_files_has_its_three_cases(check: Check):
    """Where it needs a fact of the host, test_blind.py takes that away."""
    severities = {case[2] for case in CASES if case[0] == check.id}
    severities |= {case[3] for case in ON_A_HOST if case[0] == check.id}
    severities |= {case[1] for case in ASKED if check.id == "QCA707"}

    assert OK in severities, "no file that is well"
    trips = {SKIPPED} if check.id == "QCA701" else {INFO, WARNING, ERROR}  # it says "not read"
    assert severities & trips, "no file that trips it"
    assert check.needs or SKIPPED in severities, "no file where it cannot see"


def test_without_files_no_check_of_files_says_a_word():
    blind = host(cpu="dark", docker="dark", gpu="dark")

    assert not [f for f in examine(blind, config()) if f.category == "file"]


OTHERS = [
    ("    entrypoint: [sh, -c]\n    command: ['exec dragonfly --maxmemory=2G']\n", "a shell"),
    ("    entrypoint: [/bin/dash, -c, 'exec dragonfly --maxmemory=2G']\n", "a shell"),
    ("    entrypoint: [/usr/bin/env, bash, -c, 'exec dragonfly --maxmemory=2G']\n", "a shell"),
    ("    command: [tini, --, sh, -c, 'exec dragonfly --maxmemory=2G']\n", "a shell"),
    ("    command: taskset -c 0 dragonfly --maxmemory=2G --proactor_threads=16\n", "taskset"),
    ("    command: env DFLY_hz=1 dragonfly --maxmemory=2G\n", "DFLY_hz=1"),
    ("    entrypoint: /start.sh\n    command: [--maxmemory=2G]\n", "start.sh"),
]


@pytest.mark.parametrize(("command", "program"), OTHERS)
def test_what_another_program_starts_is_not_judged(tmp_path, command, program):
    finding = _found(tmp_path, "QCA301", HEAD + command)

    assert finding.severity is SKIPPED
    assert f"starts {program}, which may change" in finding.message


@pytest.mark.parametrize(
    "command",
    [
        "    entrypoint: tini -- dragonfly\n    command: --maxmemory=2G\n",
        "    command: [/usr/bin/tini, -s, --, entrypoint.sh, dragonfly, --maxmemory=2G]\n",
        "    command: env dragonfly --maxmemory 2G\n",
    ],
)
@pytest.mark.parametrize("image", ["dragonflydb/dragonfly", "registry.example.org:5000/kv:1"])
def test_what_hands_on_its_words_is_looked_through(tmp_path, command, image):
    finding = _found(tmp_path, "QCA301", f"services:\n  cache:\n    image: {image}\n{command}")

    assert finding.severity is ERROR
    assert "There are 16 threads" in finding.message


@pytest.mark.parametrize("fact", ["docker", "gpu"])
def test_a_gpu_service_where_nothing_can_be_seen(tmp_path, fact):
    file = compose_file(tmp_path, HEAD + "    gpus: all\n")

    findings = examine(host(**{fact: "hung"}), config(), files=[file])

    assert [f.severity for f in findings if f.id == "QCA706"] == [SKIPPED]


def test_a_version_line_is_no_news_to_an_old_compose(tmp_path):
    old = host(compose=replace(PLUGIN, version="2.24.0"))

    assert _found(tmp_path, "QCA703", "version: '3'\n" + HEAD, old).severity is OK


def test_several_files_are_judged_as_one_and_each_finding_names_its_own(tmp_path):
    (tmp_path / "a.yml").write_text(HEAD + "    command: --maxmemory=2G --proactor_threads=8\n")
    (tmp_path / "b.yml").write_text("services: {cache: {command: --maxmemory=1G}}\n")
    paths = [tmp_path / "a.yml", tmp_path / "b.yml"]

    findings = examine(SIXTEEN, config(), files=[read_compose_files(paths, {})])

    (whole,) = [f for f in findings if f.id == "QCA701"]
    assert whole.severity is OK
    assert "b.yml" in whole.message
    (refused,) = [f for f in findings if f.id == "QCA301" and f.location]
    assert refused.severity is ERROR
    assert refused.location is not None
    assert (refused.location.file, refused.location.line) == (str(paths[1]), 1)


def test_given_files_want_containers_even_where_the_run_is_local(tmp_path):
    file = compose_file(tmp_path, HEAD)
    facts = host(compose=NO_PLUGIN)

    severities = {f.severity for f in examine(facts, config(), files=[file]) if f.id == "QCA201"}

    assert severities == {ERROR}


def test_what_is_wrong_with_somebodys_file_does_not_stop_qca_up(tmp_path):
    file = compose_file(tmp_path, HEAD + "    command: --maxmemory=2G\n")

    findings = examine(SIXTEEN, config(), files=[file])

    assert any(f.severity is ERROR for f in findings)
    assert select_blocking(findings) == []


def test_a_file_that_nobody_asked_about_cannot_fail_the_examination(tmp_path):
    nearby = compose_file(tmp_path, HEAD + "    command: --maxmemory=2G\n    gpus: all\n")

    findings = examine(SIXTEEN, config(), nearby=nearby)

    assert any(f.id == "QCA301" and f.severity is WARNING and f.location for f in findings)
    assert not any(f.severity is ERROR for f in findings)


def test_a_file_without_dragonfly_and_gpu_is_in_order(tmp_path):
    file = compose_file(tmp_path, "services:\n  db:\n    image: postgres:17\n")

    findings = examine(host(gpu=NO_GPU), config(), files=[file])

    assert not [f for f in findings if f.severity in (WARNING, ERROR, SKIPPED)]


def test_an_engine_that_could_not_see_its_cpus_is_judged_by_the_hosts(tmp_path):
    blind = host(docker=engine(cpus=0))

    assert _found(tmp_path, "QCA705", HEAD + "    cpus: 8\n", blind).severity is OK
    assert _found(tmp_path, "QCA705", HEAD + "    cpus: 9\n", blind).severity is ERROR


@pytest.mark.parametrize(
    ("first", "second", "clashes"),
    [
        ("ports: ['7000:1']", "ports: ['7000:2']", True),
        ("ports: ['127.0.0.1:7000:1']", "ports: ['7000:2']", True),
        ("ports: ['127.0.0.1:7000:1']", "ports: ['127.0.0.2:7000:1']", False),
        ("ports: ['7000:1']", "ports: ['7000:2/udp']", False),
        ("ports: ['7000:1/udp']", "ports: ['7000:2/udp']", True),
        ("ports: ['7000:1']", "ports: ['7001:1']", False),
        ("ports: ['6000-7000:6000-7000']", "ports: ['7000-8000:7000-8000']", True),
        ("ports: ['6000-6999:6000-6999']", "ports: ['7000:1']", False),
        ("ports: ['7000:1']", "ports: ['7000-7010:2']", False),  # it takes another of them
        ("ports: ['7000:1']", "ports: ['7000:2'], scale: 0", False),
        ("ports: ['7000:1']", "ports: ['7000:1'], profiles: [b]", False),
        ("ports: ['7000:1']", "ports: ['7000:1'], profiles: [a]", True),
        ("ports: ['7000:1'], profiles: [a]", "ports: ['7000:1'], profiles: [b, a]", True),
    ],
)
def test_a_port_that_two_services_want(tmp_path, first, second, clashes):
    text = f"services:\n  a: {{{first}}}\n  b: {{{second}}}\n"

    finding = _found(tmp_path, "QCA601", text, COMPOSE_PROFILES="a")

    assert (finding.severity is ERROR) == clashes
    assert ("a and b both publish port 7000" in finding.message) == clashes
