"""QCA106 in a file: limits that the engine ignores, because its kernel cannot enforce them."""

from pathlib import Path

import pytest

from infra.compose_file.load import read_compose_file
from infra.doctor.analysis.engine_limits import list_used_limits
from tests.support.hosts import engine, host, no_engine
from tests.support.verdicts import HEAD, OK, SKIPPED, WARNING, judge_file

# The warnings of a rootless Engine 29 with the controllers that systemd delegates by default.
ROOTLESS = (
    "WARNING: No cpuset support",
    "WARNING: No io.weight support",
    "WARNING: No io.weight (per device) support",
    "WARNING: No io.max (rbps) support",
    "WARNING: No io.max (wbps) support",
    "WARNING: No io.max (riops) support",
    "WARNING: No io.max (wiops) support",
)
# Those of an engine with cgroup v1 whose kernel lacks the controllers.
CGROUP_V1 = (
    "WARNING: No swap limit support",
    "WARNING: No oom kill disable support",
    "WARNING: No cpu shares support",
    "WARNING: No blkio weight support",
    "WARNING: No blkio throttle.read_bps_device support",
)
RENDERED = sorted((Path(__file__).parents[3] / "compose").glob("*.yaml"))
_RATE = "[{path: /dev/sda, rate: 1mb}]"
CASES = [
    ("cpuset: 0-1", ROOTLESS, WARNING, "ignores `cpuset`; it warns: No cpuset support."),
    ("cpuset: 0-1", CGROUP_V1, OK, "can enforce `cpuset`"),
    ("cpuset: ''", ROOTLESS, OK, ""),
    ("cpuset: '0'", ROOTLESS, WARNING, "ignores `cpuset`"),
    ("blkio_config: {weight: 300}", ROOTLESS, WARNING, "warns: No io.weight support."),
    ("blkio_config: {weight: 300}", CGROUP_V1, WARNING, "warns: No blkio weight support."),
    (f"blkio_config: {{device_read_bps: {_RATE}}}", ROOTLESS, WARNING, "io.max (rbps)"),
    (f"blkio_config: {{device_read_bps: {_RATE}}}", CGROUP_V1, WARNING, "throttle.read_bps"),
    (f"blkio_config: {{device_write_iops: {_RATE}}}", ROOTLESS, WARNING, "io.max (wiops)"),
    ("blkio_config: {device_read_bps: []}", ROOTLESS, OK, ""),
    ("mem_limit: 1g\n    memswap_limit: 2g", CGROUP_V1, WARNING, "`memswap_limit`"),
    ("mem_limit: 1g\n    memswap_limit: -1", CGROUP_V1, OK, ""),
    ("oom_kill_disable: true", CGROUP_V1, WARNING, "No oom kill disable support"),
    ("oom_kill_disable: false", CGROUP_V1, OK, ""),
    ("cpu_shares: 512", CGROUP_V1, WARNING, "No cpu shares support"),
    ("cpu_shares: 512", ROOTLESS, OK, "can enforce `cpu_shares`"),
    ("cpu_shares: 512", None, SKIPPED, "enforces `cpu_shares` of service cache"),
    ("mem_limit: 1g", None, OK, ""),
]


@pytest.mark.parametrize(("setting", "warnings", "severity", "says"), CASES)
def test_a_limit_that_the_engine_warns_about(tmp_path, setting, warnings, severity, says):
    facts = host(docker=engine(warnings=warnings))

    finding = judge_file(tmp_path, "QCA106", f"{HEAD}    {setting}\n", facts)

    assert (finding.severity, finding.message) == (severity, finding.message)
    assert says in finding.message


@pytest.mark.parametrize("setting", ["pids_limit: 64", "deploy: {resources: {limits: {pids: 64}}}"])
@pytest.mark.parametrize(
    ("docker", "severity"),
    [
        (engine(limits_pids=True), OK),
        (engine(limits_pids=False), WARNING),
        (engine(warnings=("WARNING: No pids limit support",)), WARNING),
        (engine(limits_pids=None), SKIPPED),
        (no_engine("not-running"), SKIPPED),
    ],
)
def test_a_limit_on_processes(tmp_path, setting, docker, severity):
    facts = host(docker=docker)

    finding = judge_file(tmp_path, "QCA106", f"{HEAD}    {setting}\n", facts)

    assert (finding.severity, finding.message) == (severity, finding.message)
    assert finding.location is not None
    assert finding.location.line == 4


def test_a_file_without_limits_needs_none(tmp_path):
    facts = host(docker=engine(warnings=ROOTLESS, limits_pids=False))

    assert judge_file(tmp_path, "QCA106", HEAD, facts).severity is OK


@pytest.mark.parametrize("path", RENDERED, ids=lambda path: path.stem)
def test_the_stack_sets_only_the_limit_that_is_judged_for_it(path):
    services = read_compose_file(path, {}).services

    used = [limit.key for service in services for limit in list_used_limits(service, None)]

    assert used == ["pids_limit", "pids_limit"]
