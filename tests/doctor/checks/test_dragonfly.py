"""QCA3xx: Dragonfly in the plan and in Compose files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.doctor.examine import examine, select
from infra.doctor.finding import Finding
from infra.host.facts import (
    CpuFacts,
    HostFacts,
    Known,
    MemoryFacts,
    SystemFacts,
)
from qca.core.config import Config, StackConfig
from qca.core.units import GIB, MIB
from tests.support.capability_cases import CAPABILITY_CASES
from tests.support.hosts import (
    compose_file,
    engine,
    host,
    judge,
    no_engine,
    one,
    seeds_laptop,
)
from tests.support.verdicts import (
    COMPOSE,
    ERROR,
    HEAD,
    INFO,
    LOCAL,
    OK,
    SIXTEEN_THREADS,
    SKIPPED,
    WARNING,
    FileCase,
    HostCase,
    assert_file_verdict,
    assert_host_verdict,
    judge_file,
)

KERNEL_4 = SystemFacts(
    system="Linux", release="4.19.0-27-amd64", machine="x86_64", distribution="Debian 10", wsl=False
)

NO_IO_URING = replace(KERNEL_4, release="6.12.1", io_uring_disabled=2)

LOCKED = "    ulimits: {memlock: -1}\n"

# What the kernel reports for a Raspberry Pi 4 (Dragonfly issue 7904), a Raspberry Pi 5, and a CPU
# of ARMv8.1.
PI_4 = "fp asimd evtstrm crc32 cpuid"
PI_5 = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop "
    "asimddp"
)
ARMV8_1 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics cpuid asimdrdm"


def arm64_host(features: str | None, **changes: Any) -> HostFacts:
    """Return a host whose arm64 CPU has these features, with an engine for it."""
    listed = None if features is None else tuple(features.split())
    docker = engine(architecture="aarch64", daemon_architecture="arm64", **changes)
    cpu = CpuFacts(online=4, affinity=4, cgroup_quota=None, features=listed)
    return host(cpu=cpu, docker=docker)


ARM64 = replace(KERNEL_4, machine="aarch64")
ARM64_WITHOUT_ENGINE = replace(
    arm64_host(PI_4), docker=Known(value=no_engine("not-running")), system=Known(value=ARM64)
)

CASES = [
    # Dragonfly.
    HostCase("QCA301", host(), OK, "4 threads need 1 GiB"),
    HostCase(
        "QCA301",
        host(),
        ERROR,
        "There are 16 threads, so 4.00GiB are required. Exiting...",
        {**COMPOSE, "maxmemory": "2GiB", "proactor_threads": 16},
    ),
    HostCase(
        "QCA301",
        host(),
        WARNING,
        "locally without Dragonfly",
        {**LOCAL, "maxmemory": "2GiB", "proactor_threads": 16},
    ),
    HostCase("QCA301", host(cpu="no /proc"), SKIPPED, "no /proc"),
    HostCase(
        "QCA301",
        host(docker=engine(cpus=1100)),
        OK,
        "By default Dragonfly would abort: 1,100 threads are too many",
        {**COMPOSE, "maxmemory": "512GiB"},
    ),
    HostCase("QCA302", host(), OK),
    HostCase("QCA302", host(), WARNING, "containers may use", {"maxmemory": "15GiB"}),
    HostCase("QCA302", host(memory="no /proc"), SKIPPED, "no /proc"),
    HostCase("QCA303", host(), OK, "--force_epoll"),
    HostCase("QCA303", host(system="no uname"), SKIPPED),
    HostCase("QCA304", host(), OK, "no locked memory"),
    HostCase("QCA304", host(docker="hung"), SKIPPED, "hung"),
    HostCase("QCA306", arm64_host(PI_5), OK, "has the instructions"),
    HostCase("QCA306", arm64_host(PI_4), ERROR, "(LSE) that it uses.\nThe", COMPOSE),
    HostCase("QCA306", arm64_host(ARMV8_1), WARNING, "lacks: fphp, asimdhp, lrcpc, asimddp."),
    HostCase("QCA306", arm64_host(None), SKIPPED, "features were not recorded"),
    HostCase("QCA306", arm64_host(PI_4, host="tcp://nas:2375"), SKIPPED, "another machine"),
    HostCase("QCA306", host(docker="hung"), SKIPPED, "hung"),
]

# A laptop's virtual machine with barely enough memory for 24 threads (Dragonfly issue 3526).
DESKTOP = host(
    docker=engine(cpus=24, memory=7985 * MIB, operating_system="Docker Desktop"),
)

BIND = "    volumes: ['./d:/data']\n"


FILE_CASES = [
    FileCase("QCA306", "", OK, "has the instructions", 3, arm64_host(PI_5)),
    FileCase("QCA306", "", ERROR, "exit code 132 (SIGILL)", 3, arm64_host(PI_4)),
    FileCase("QCA306", "", WARNING, "may crash: it is compiled", 3, arm64_host(ARMV8_1)),
    FileCase("QCA306", "", SKIPPED, "features were not recorded", 3, arm64_host(None)),
    FileCase("QCA306", "    build: .\n", SKIPPED, "not one of", 3, arm64_host(PI_4)),
    FileCase("QCA306", "    platform: linux/amd64\n", OK, "", None, arm64_host(PI_4)),
    FileCase("QCA306", "", ERROR, "SIGILL", 3, ARM64_WITHOUT_ENGINE),
    FileCase("QCA306", "", OK, "", None, host()),
    FileCase("QCA306", "    platform: linux/arm64\n", ERROR, "SIGILL", 3, arm64_host(PI_4)),
    # The seed's file: 2 GiB for the host's 16 threads.
    FileCase("QCA301", "    command: dragonfly --maxmemory=2G\n", ERROR, "There are 16 threads", 4),
    FileCase("QCA301", "    command: --maxmemory=2G --proactor_threads=16\n", ERROR, "4.00GiB", 4),
    FileCase("QCA301", "    command: --maxmemory=2G --proactor_threads=8\n", OK, "starts", 4),
    FileCase("QCA301", "    command: --maxmemory=4G --proactor_threads=16\n", OK, "starts", 4),
    FileCase("QCA305", "", OK, "makes Dragonfly the owner of /data", 2),
    FileCase("QCA305", "    user: '0'\n", OK, "makes Dragonfly the owner of /data", 4),
    FileCase("QCA305", "    user: 999:999\n", OK, "Dragonfly owns a new volume", 4),
    FileCase("QCA305", "    user: dfly\n", OK, "Dragonfly owns a new volume", 4),
    FileCase("QCA305", "    user: 1000:1000\n", WARNING, "it runs as user 1000", 4),
    FileCase("QCA305", "    user: '1000'\n    tmpfs: /data\n", OK, "is a tmpfs", 4),
    FileCase("QCA305", "    user: '1000'\n    command: --dbfilename=\n", OK, "no snapshots", 4),
    *(
        FileCase("QCA305", f"    user: '1000'\n    command: --dir={folder}\n", severity, says, 4)
        for folder, severity, says in (
            ("/data/", WARNING, "it runs as user 1000"),
            ("/data/old", SKIPPED, "to /data/old: the owner of that folder"),
            ("/other", SKIPPED, "to /other: the owner of that folder"),
            ("s3://bucket/store", SKIPPED, "to s3://bucket/store"),
        )
    ),
    FileCase("QCA305", "    user: '1000'\n    volumes: ['./d:/data']\n", SKIPPED, "ls -ldn", 4),
    *(
        FileCase("QCA305", f"    {lines}\n", severity, says)
        for lines, severity, says in CAPABILITY_CASES
    ),
    FileCase("QCA305", "    user: ${WHO:-redis}\n", SKIPPED, "determine which user service", 4),
    FileCase("QCA305", "    command: sh -c dragonfly\n", SKIPPED, "a shell", 2),
    *(
        FileCase(
            "QCA305", f"  old:\n    image: dragonflydb/dragonfly:{tag}\n{BIND}", severity, says
        )
        for tag, severity, says in (
            ("v1.9.0", OK, "makes Dragonfly the owner of /data"),
            ("v1.10.0", SKIPPED, "a folder that Docker creates belongs to root"),
            ("v1.20.1", SKIPPED, "a folder that Docker creates belongs to root"),
            ("v1.21.2", SKIPPED, "the image of v1.21.2"),
            ("v1.22.0", OK, "makes Dragonfly the owner of /data"),
            ("v2.1", OK, ""),
        )
    ),
    FileCase("QCA301", "", OK, "That is 244 MiB more than the 6 GiB that it needs", 2, DESKTOP),
    FileCase("QCA301", "", OK, "reports the total memory of its machine", 2, DESKTOP),
    FileCase("QCA301", "    command: --maxmemory=6G\n", OK, "(--maxmemory=6G).", 4, DESKTOP),
    FileCase("QCA301", "    mem_limit: 1g\n", ERROR, "0.8 of the available memory", 2),
    FileCase("QCA301", "    mem_limit: 1g\n    cpus: 2\n", OK, "2 threads", 2),
    FileCase("QCA301", "    mem_limit: 1g\n    cpuset: 0-1\n", OK, "2 threads", 2),
    FileCase("QCA301", "    mem_limit: 1g\n    cpuset: 0-1,1,0\n", OK, "2 threads", 2),
    FileCase("QCA301", "    mem_limit: 1g\n    cpu_quota: 200000\n", OK, "2 threads", 2),
    FileCase(
        "QCA301",
        "    mem_limit: 1g\n    cpu_quota: 200000\n    cpu_period: 50000\n",
        ERROR,
        "4 threads",
        2,
    ),
    FileCase("QCA301", "    command: --maxmemory=4G\n    cpu_quota: -1\n", OK, "16 threads", 4),
    # v1.30 lets a CPU quota override the flag (issue 4251).
    FileCase(
        "QCA301",
        "    command: --maxmemory=1G --proactor_threads=2\n    cpus: 8\n",
        ERROR,
        "overrides",
        4,
    ),
    FileCase(
        "QCA301", "    command: --maxmemory='4 Gigs'\n", ERROR, "Use human-readable format", 4
    ),
    FileCase("QCA301", "    command: --proactor_threads=four\n", ERROR, "not a number", 4),
    FileCase(
        "QCA301",
        "    environment: [DFLY_proactor_threads=]\n",
        ERROR,
        "'' is not a number of threads",
        4,
    ),
    FileCase("QCA301", "    command: sh -c 'dragonfly --maxmemory=2G'\n", SKIPPED, "shell", 2),
    FileCase("QCA301", "    command: --flagfile=/etc/flags\n", SKIPPED, "was not read", 2),
    FileCase("QCA301", "    extends: {file: o.yml, service: x}\n", SKIPPED, "`extends`", 2),
    FileCase(
        "QCA301", "    command: --maxmemory=${M}\n    mem_limit: 9g\n", ERROR, "read the size ''", 4
    ),
    FileCase("QCA301", "    environment: {DFLY_maxmemory: ''}\n", ERROR, "read the size ''", 4),
    FileCase(
        "QCA301",
        "    command: --maxmemory=0g\n    mem_limit: 1g\n",
        ERROR,
        "0.8 of the available",
        4,
    ),
    FileCase(
        "QCA301",
        "    command: dragonfly --maxmemory=4G -- --proactor_threads=99\n",
        OK,
        "16 thr",
        4,
    ),
    FileCase(
        "QCA301",
        "    command:\n      - dragonfly --maxmemory=4G\n",
        ERROR,
        "there is no program",
        2,
    ),
    FileCase("QCA301", "    command: --maxmemory=4G --http_admin_console\n", INFO, "(QCA704)", 4),
    FileCase(
        "QCA301",
        "    command: --maxmemory=4G --port=abc\n",
        INFO,
        "the flag 'port' makes it exit",
        4,
    ),
    FileCase(
        "QCA301",
        "    command: --maxmemory=256G --proactor_threads=1024\n",
        ERROR,
        "threads are too many",
        4,
    ),
    FileCase("QCA301", "    command: redis-server --port 1\n", ERROR, "no program redis-server", 2),
    # An unread flag file may override the flags before it, but not those after it.
    FileCase(
        "QCA301",
        "    command: --maxmemory=1G --proactor_threads=16 --flagfile=/etc/flags\n",
        SKIPPED,
        "was not read",
        4,
    ),
    FileCase(
        "QCA301",
        "    command: --flagfile=/etc/flags --maxmemory=1G --proactor_threads=16\n",
        ERROR,
        "There are 16 threads",
        4,
    ),
    # If the file sets both numbers, no facts of the host are needed.
    FileCase(
        "QCA301",
        "    command: --maxmemory=1G --proactor_threads=16\n",
        ERROR,
        "There are 16 threads",
        4,
        facts=host(cpu="no /proc", docker="hung"),
    ),
    FileCase(
        "QCA301",
        "    command: --maxmemory=1G\n",
        SKIPPED,
        "no /proc",
        4,
        facts=host(cpu="no /proc", docker="hung"),
    ),
    FileCase("QCA302", "    command: --maxmemory=2G\n    mem_limit: 2g\n", WARNING, "too close", 5),
    FileCase("QCA302", "    command: --maxmemory=2G\n    mem_limit: 3g\n", OK, "fits in", 5),
    FileCase("QCA302", "    command: --maxmemory=2G\n", INFO, "no memory limit", 2),
    FileCase("QCA302", "    mem_limit: 3g\n", INFO, "too close", 4),
    FileCase("QCA303", "", OK, "no known obstacle", facts=host(docker=engine(version="24.0.7"))),
    FileCase("QCA303", "", INFO, "seccomp", facts=host(docker=engine(version="25.0.0"))),
    FileCase(
        "QCA303", "", INFO, "5.10", facts=host(docker=engine(version="24.0.7"), system=KERNEL_4)
    ),
    FileCase(
        "QCA303",
        "",
        INFO,
        "io_uring_disabled",
        facts=host(docker=engine(version="24.0.7"), system=NO_IO_URING),
    ),
    FileCase("QCA303", "    command: --force_epoll\n", OK, "as its flag requires", facts=host()),
    FileCase("QCA303", "    command: --force_epoll=false\n", INFO, "seccomp", facts=host()),
    FileCase("QCA304", LOCKED, OK, "", facts=host(docker=engine(most_memlock=-1))),
    FileCase("QCA304", LOCKED, ERROR, "8 MiB", facts=host(docker=engine(most_memlock=8 * MIB))),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_host(case: HostCase):
    assert_host_verdict(case)


@pytest.mark.parametrize("case", FILE_CASES, ids=str)
def test_file(tmp_path, case: FileCase):
    assert_file_verdict(tmp_path, case)


@pytest.mark.parametrize("proactor_threads", [16, None])
def test_the_seeds_store_gets_both_options_and_whether_they_fit(proactor_threads):
    stack = {**COMPOSE, "maxmemory": "2GiB", "proactor_threads": proactor_threads}

    finding = one(seeds_laptop(), "QCA301", stack=stack)

    assert finding.severity == (ERROR if proactor_threads else OK)
    assert "There are 16 threads, so 4.00GiB are required. Exiting..." in finding.message
    assert "4 GiB for 16 threads (fits in this host's memory" in finding.message
    assert "at most 8 threads in 2 GiB (fits in this host's memory" in finding.message


def test_a_plan_and_a_file_with_more_threads_than_dragonfly_supports_are_errors(tmp_path):
    # `override` does not validate, as the configuration of an older `qca` did not.
    stack = StackConfig().override(runtime="compose", proactor_threads=1024, maxmemory=256 * GIB)
    command = "    command: --maxmemory=256G --proactor_threads=1024\n"

    (planned,) = examine(host(), Config(stack=stack), checks=select({"QCA301"}, ()))
    written = judge_file(tmp_path, "QCA301", HEAD + command)

    for finding in (planned, written):
        assert finding.severity is ERROR
        assert (
            "1,024 threads are too many; Dragonfly aborts with more than 1,023." in finding.message
        )
        assert [
            one.title for one in finding.remedies if "1,023" in one.title or "1023" in one.title
        ]


def test_on_a_small_host_the_larger_option_is_too_much():
    small = seeds_laptop(
        docker=engine(cpus=16, memory=8 * GIB),
        memory=MemoryFacts(total=8 * GIB, available=6 * GIB, cgroup_limit=None),
    )

    finding = one(
        small,
        "QCA301",
        stack={**COMPOSE, "maxmemory": "2GiB", "proactor_threads": 16},
        train={"device": "cuda"},
    )

    assert "4 GiB for 16 threads (too much for this host" in finding.message
    assert "at most 8 threads in 2 GiB (fits in this host's memory" in finding.message
    assert [one.commands for one in finding.remedies] == [("QCA_STACK_PROACTOR_THREADS=8 qca up",)]


def test_a_host_that_fits_neither_option_is_offered_a_run_without_dragonfly():
    stack = {**COMPOSE, "maxmemory": "100MiB", "proactor_threads": 64}

    finding = one(seeds_laptop(), "QCA301", stack=stack)

    assert [one.commands for one in finding.remedies] == [("qca up --runtime local",)]


@pytest.mark.parametrize(
    ("limits", "titles"),
    [
        ("", ["--proactor_threads=8", "--maxmemory=4G"]),
        ("    mem_limit: 6g\n", ["--proactor_threads=8", "--maxmemory=4G"]),
        ("    mem_limit: 3g\n", ["--proactor_threads=8", "memory limit of at least 5.4 GiB"]),
    ],
)
def test_more_memory_is_offered_up_to_the_container_limit(tmp_path, limits, titles):
    text = f"{HEAD}    command: --maxmemory=2G\n{limits}"

    finding = judge_file(tmp_path, "QCA301", text, SIXTEEN_THREADS)

    for remedy, words in zip(finding.remedies, titles, strict=True):
        assert words in remedy.title


def test_more_memory_than_the_host_has_is_not_offered(tmp_path):
    small = host(
        docker=engine(cpus=16, memory=3 * GIB),
        memory=MemoryFacts(total=3 * GIB, available=2 * GIB, cgroup_limit=None),
    )

    finding = judge_file(tmp_path, "QCA301", f"{HEAD}    command: --maxmemory=2G\n", small)

    assert ["--proactor_threads=8" in one.title for one in finding.remedies] == [True]


def test_cpus_of_this_process_do_not_limit_what_a_container_sees():
    pinned = host(cpu=CpuFacts(online=16, affinity=2, cgroup_quota=1.0), docker=engine(cpus=16))

    assert "By default Dragonfly would start 16 threads" in one(pinned, "QCA301").message


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
def test_programs_started_by_another_program_are_not_checked(tmp_path, command, program):
    finding = judge_file(tmp_path, "QCA301", HEAD + command)

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
def test_wrappers_are_looked_through(tmp_path, command, image):
    finding = judge_file(tmp_path, "QCA301", f"services:\n  cache:\n    image: {image}\n{command}")

    assert finding.severity is ERROR
    assert "There are 16 threads" in finding.message


def _judge_memlock(folder: Path, limits: str, facts: HostFacts) -> Finding:
    text = f"services:\n  cache:\n    image: x\n    ulimits: {limits}\n"
    return judge_file(folder, "QCA304", text, facts)


@pytest.mark.parametrize(
    ("limits", "most", "severity"),
    [
        ("{memlock: -1}", -1, OK),
        ("{memlock: -1}", 8 * MIB, ERROR),
        ("{memlock: {soft: -1, hard: -1}}", 8 * MIB, ERROR),
        ("{memlock: 8388608}", 8 * MIB, OK),
        ("{memlock: 8388609}", 8 * MIB, ERROR),
        ("{memlock: -1}", None, SKIPPED),
        ("{memlock: lots}", 8 * MIB, SKIPPED),
    ],
)
def test_locked_memory(tmp_path, limits, most, severity):
    finding = _judge_memlock(tmp_path, limits, host(docker=engine(most_memlock=most)))

    assert finding.severity is severity, finding.message
    assert finding.location is not None
    assert finding.location.line == 4
    if severity is ERROR:
        assert "rlimit type 8: operation not permitted" in finding.message


def test_locked_memory_is_unknown_without_an_engine(tmp_path):
    facts = host(docker=no_engine("not-running"))

    assert _judge_memlock(tmp_path, "{memlock: -1}", facts).severity is SKIPPED


def _refuse_service(folder, release: str, *lines: str) -> Finding:
    head = f"services:\n  cache:\n    image: dragonflydb/dragonfly:{release}\n"
    file = compose_file(folder, head + "".join(f"    {line}\n" for line in lines))
    (finding,) = [one for one in judge(SIXTEEN_THREADS, "QCA301", files=[file]) if one.location]
    assert finding.severity is ERROR, finding.message
    return finding


def test_fewer_threads_or_more_memory(tmp_path):
    finding = _refuse_service(tmp_path, "v1.38.0", "command: --maxmemory=2G")

    assert [remedy.automatic for remedy in finding.remedies] == [True, False]
    assert "--proactor_threads=8" in finding.remedies[0].title
    assert "--maxmemory=4G" in finding.remedies[1].title


def test_a_cpu_limit_that_overrides_the_flag_is_lowered(tmp_path):
    command = "command: --maxmemory=300mb --proactor_threads=1"

    finding = _refuse_service(tmp_path, "v1.34.1", "cpus: 2", command)

    assert "which overrides --proactor_threads=1" in finding.message
    more, lower = finding.remedies
    assert "--maxmemory=512M" in more.title
    assert lower.title.startswith("Set the CPU limit to 1 at ")
    assert [edit.new for edit in lower.edits] == [("    cpus: 1",)]


def test_a_cpu_limit_given_as_a_quota_must_be_lowered_manually(tmp_path):
    finding = _refuse_service(
        tmp_path, "v1.34.1", "cpu_quota: 200000", "command: --maxmemory=300mb"
    )

    assert finding.remedies[1].title == "Set the CPU limit of service cache to 1"


def test_limits_that_do_not_fit_get_only_remedies_that_make_them_fit():
    stack = {**COMPOSE, "maxmemory": "15GiB", "proactor_threads": 4}

    titles = [remedy.title for remedy in one(host(), "QCA302", stack=stack).remedies]

    # The small model is not offered, because the store would still take 20 GiB.
    assert titles == [
        "Give Dragonfly the minimum that it needs",
        "Train without containers and Dragonfly",
    ]


@pytest.mark.parametrize(
    ("limits", "severity"),
    [
        ("    cpus: 1\n    command: --maxmemory=256mb\n", SKIPPED),
        ("    cpuset: '0'\n    command: --maxmemory=256mb\n", OK),
        ("    mem_limit: 600m\n", SKIPPED),
        ("    cpus: 1\n    command: --maxmemory=100mb\n", ERROR),
        ("    cpus: 1\n    command: --maxmemory=4G\n", OK),
    ],
)
def test_on_cgroup_v1_limits_count_only_if_the_layout_does_not_matter(tmp_path, limits, severity):
    facts = host(docker=engine(cpus=2, cgroup_version="1"))

    assert judge_file(tmp_path, "QCA301", HEAD + limits, facts).severity is severity


APART = ("cpu", "cpuacct", "memory")
TOGETHER = ("cpu,cpuacct", "memory")


def _host_on_cgroup_v1(hierarchies: tuple[str, ...] | None, **changes: Any) -> HostFacts:
    system = replace(KERNEL_4, cgroup_v1=hierarchies)
    docker = engine(**{"cpus": 2, "memory": 2 * GIB, "cgroup_version": "1", **changes})
    return host(docker=docker, system=system)


# Measured on v1.40.0: with separate cpu and cpuacct it saw neither limit and used both host CPUs.
@pytest.mark.parametrize(
    ("hierarchies", "limits", "severity", "threads"),
    [
        (APART, "    cpus: 1\n    command: --maxmemory=256mb\n", ERROR, 2),
        (("cpuacct,cpu", "memory"), "    cpus: 1\n    command: --maxmemory=256mb\n", ERROR, 2),
        (TOGETHER, "    cpus: 1\n    command: --maxmemory=256mb\n", OK, 1),
        (APART, "    cpuset: '0'\n    command: --maxmemory=256mb\n", OK, 1),
        (APART, "    mem_limit: 600m\n", OK, 2),
        (TOGETHER, "    mem_limit: 600m\n", ERROR, 2),
    ],
)
def test_on_a_known_layout_of_cgroup_v1_limits_count_if_dragonfly_sees_them(
    tmp_path, hierarchies, limits, severity, threads
):
    facts = _host_on_cgroup_v1(hierarchies)

    finding = judge_file(tmp_path, "QCA301", HEAD + limits, facts)

    assert (finding.severity, finding.evidence["proactor_threads"]) == (severity, threads)


@pytest.mark.parametrize("hierarchies", [APART, TOGETHER, None])
def test_a_file_that_fails_by_itself_is_an_error_on_any_host(tmp_path, hierarchies):
    # HEAD uses v1.30; before v1.38, the CPU limit overrides --proactor_threads.
    text = f"{HEAD}    cpus: 2\n    command: --maxmemory=300mb --proactor_threads=1\n"

    finding = judge_file(tmp_path, "QCA301", text, _host_on_cgroup_v1(hierarchies))

    assert finding.severity is ERROR
    assert "There are 2 threads, so 512.00MiB are required" in finding.message
    assert ("may not see them, and may then start" in finding.message) is (hierarchies != TOGETHER)


def test_a_start_that_fails_with_and_without_the_limits_does_not_depend_on_them(tmp_path):
    text = f"{HEAD}    cpus: 2\n    command: --maxmemory=300mb\n"

    finding = judge_file(tmp_path, "QCA301", text, _host_on_cgroup_v1(None, cpus=1100))

    assert finding.severity is ERROR
    assert "may not see them and start" not in finding.message


def test_a_limit_that_dragonfly_does_not_see_is_explained_and_not_lowered(tmp_path):
    text = f"{HEAD}    cpus: 1\n    command: --maxmemory=256mb\n"

    finding = judge_file(tmp_path, "QCA301", text, _host_on_cgroup_v1(APART))

    assert "Dragonfly does not see the container's limits" in finding.message
    assert "--proactor_threads=1" in finding.remedies[0].title


@pytest.mark.parametrize(
    "elsewhere", [{"host": "tcp://10.0.0.9:2375"}, {"operating_system": "Docker Desktop"}]
)
def test_the_layout_of_this_host_does_not_apply_to_an_engine_elsewhere(tmp_path, elsewhere):
    text = f"{HEAD}    cpus: 1\n    command: --maxmemory=256mb\n"

    facts = _host_on_cgroup_v1(APART, **elsewhere)

    assert judge_file(tmp_path, "QCA301", text, facts).severity is SKIPPED


def test_without_an_engine_the_layout_of_this_host_counts(tmp_path):
    text = f"{HEAD}    cpus: 1\n    command: --maxmemory=256mb\n"
    facts = host(docker=no_engine("not-running"), system=replace(KERNEL_4, cgroup_v1=APART))

    assert judge_file(tmp_path, "QCA301", text, facts).severity is ERROR
