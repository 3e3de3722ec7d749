"""Rows of verdict tables: a host or a Compose file, and the expected finding of a check."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from infra.doctor.examine import examine, select
from infra.doctor.finding import Finding, Severity
from infra.host.facts import ComposePlugin, CpuFacts, HostFacts, Listener
from tests.support.hosts import compose_file, config, disk, driver, engine, gpu, host, judge

OK, INFO, WARNING = Severity.OK, Severity.INFO, Severity.WARNING
ERROR, SKIPPED = Severity.ERROR, Severity.SKIPPED

COMPOSE: dict[str, Any] = {"runtime": "compose"}
LOCAL: dict[str, Any] = {"runtime": "local"}
CUDA: dict[str, Any] = {"device": "cuda"}

HEAD = "services:\n  cache:\n    image: dragonflydb/dragonfly:v1.30.0\n"
LISTENING = Listener(address="0.0.0.0", port=6379, pid=812, process="redis-server")
SIXTEEN_THREADS = host(
    cpu=CpuFacts(online=16, affinity=16, cgroup_quota=None),
    docker=engine(cpus=16),
    listeners=(LISTENING,),
)

SNAP_CLIENT = ComposePlugin(version="2.35.1", docker_client="/snap/bin/docker")


class HostCase(NamedTuple):
    """A host and a configuration, and the most severe finding of a check."""

    check: str
    facts: HostFacts
    severity: Severity
    says: str = ""
    stack: dict[str, Any] | None = None
    train: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.check}-{self.severity}"


class FileCase(NamedTuple):
    """Lines of a Dragonfly service, and the most severe finding of a check in the file."""

    check: str
    lines: str
    severity: Severity
    says: str
    line: int | None = None
    facts: HostFacts = SIXTEEN_THREADS

    def __str__(self) -> str:
        return f"{self.check}-{self.severity}"


def gpu_host(*gpus: Any, **changes: Any) -> HostFacts:
    """Return a host with these GPUs, by default one, and changed driver, engine or system."""
    facts = {name: changes.pop(name) for name in ("docker", "system") if name in changes}
    return host(gpu=driver(*(gpus or (gpu(),)), **changes), **facts)


def snap_host(folder: str = "/home/USER/qca", **changes: Any) -> HostFacts:
    """Return a host with this work folder, and a client and an engine from a confined snap."""
    root = {"root_dir": "/var/snap/docker/common/var-lib-docker", "version": "28.1.1"}
    confined = {"security_options": ("name=apparmor", "name=seccomp,profile=builtin")}
    disks = (replace(disk("work"), path=folder), disk("docker"))
    docker = engine(**{**root, **confined, **changes})
    return host(docker=docker, compose=SNAP_CLIENT, disks=disks if folder else disks[1:])


def assert_host_verdict(case: HostCase) -> None:
    findings = judge(case.facts, case.check, stack=case.stack, train=case.train)
    finding = max(findings, key=_get_gravity)

    assert (finding.severity, finding.message) == (case.severity, finding.message)
    assert case.says in finding.message


def assert_file_verdict(folder: Path, case: FileCase) -> None:
    finding = judge_file(folder, case.check, HEAD + case.lines, case.facts)

    assert finding.severity is case.severity, finding.message
    assert case.says in finding.message
    if case.line is not None:
        assert finding.location is not None
        assert finding.location.line == case.line
        assert finding.location.file.endswith("docker-compose.yml")


def judge_file(
    folder: Path, check: str, text: str, facts: HostFacts = SIXTEEN_THREADS, **variables: str
) -> Finding:
    """Return the most severe finding of a check in a file; an empty OK without findings."""
    file = compose_file(folder, text, **variables)
    findings = examine(facts, config(), files=[file], checks=select({check}, ()))
    about = [finding for finding in findings if finding.location]
    if not about:
        return Finding(check, "file", OK, "", "", {}, (), "", None)
    return max(about, key=_get_gravity)


def _get_gravity(finding: Finding) -> int:
    return [OK, INFO, SKIPPED, WARNING, ERROR].index(finding.severity)
