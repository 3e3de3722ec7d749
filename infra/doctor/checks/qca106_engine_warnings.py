"""QCA106: does the engine warn about its own host or configuration?"""

import re
from collections.abc import Iterator

from infra.compose_file.model import Service
from infra.doctor.analysis.engine_limits import UsedLimit, explain_missing_pids, list_used_limits
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject, HostSubject
from infra.host.facts import Engine, require
from qca.core.frozen import frozen_dataclass

# QCA102 judges the limits on memory and CPU time, and `_judge_processes` judges the limit on
# processes. The stack sets no others; the limits in a file are judged with the service.
_LIMITS = re.compile(
    r"\bNo (?:memory limit|swap limit|kernel memory|oom kill|cpu cfs|cpu shares|cpuset|pids|blkio"
    r"|io\.)"
)


@frozen_dataclass
class _Meaning:
    """What a warning of the engine means for containers."""

    pattern: str
    explanation: str
    severity: Severity = Severity.WARNING
    remedies: tuple[Remedy, ...] = ()


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    engine = require(subject.facts.docker)
    if not isinstance(engine, Engine):
        return  # QCA101 reports this
    if engine.warnings is None:
        yield skip(
            "Cannot determine whether the engine warns about its host: its warnings were not "
            "recorded."
        )
        return
    concerning = [text for text in engine.warnings if not _LIMITS.search(text)]
    verdicts = [_judge_warning(text) for text in concerning]
    if not subject.is_local_run:
        verdicts += _judge_processes(engine)
    no_fault = ok("The engine reports no warnings about its host.", ignored=len(engine.warnings))
    yield from verdicts or [no_fault]


def _judge_processes(engine: Engine) -> Iterator[Verdict]:
    """Judge the stack's `pids_limit`."""
    reason = explain_missing_pids(engine)
    if reason is None:
        yield skip(
            "Cannot determine whether the engine can limit the number of a container's processes: "
            "it does not report that."
        )
    elif reason:
        message = (
            f"The engine cannot limit the number of a container's processes: {reason}.\nIt ignores "
            "the stack's `pids_limit`, so one container can start as many processes as the host "
            "allows."
        )
        yield Verdict(Severity.WARNING, message, {"limits_pids": False})


def _judge_warning(text: str) -> Verdict:
    line = " ".join(text.split()).removeprefix("WARNING: ")
    evidence = {"warning": line}
    for meaning in _MEANINGS:
        if re.search(meaning.pattern, text):
            message = f"The engine warns: {line}\n{meaning.explanation}"
            return Verdict(meaning.severity, message, evidence, meaning.remedies)
    message = f"The engine warns: {line}\nWhat this means for the stack is unknown."
    return Verdict(Severity.INFO, message, evidence)


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    docker = require(subject.facts.docker)
    engine = docker if isinstance(docker, Engine) else None
    for service in subject.file.services:
        for limit in list_used_limits(service, engine):
            yield locate(_judge_limit(service, limit), subject.file, limit.at)


def _judge_limit(service: Service, limit: UsedLimit) -> Verdict:
    evidence = {"service": service.name, "key": limit.key}
    what = f"`{limit.key}`"
    if limit.ignored_because is None:
        return skip(
            f"Cannot determine whether the engine enforces {what} of service {service.name}: it "
            "did not report that.",
            **evidence,
        )
    if not limit.ignored_because:
        return ok(f"Service {service.name}: the engine can enforce {what}.", **evidence)
    message = (
        f"Service {service.name}: the engine ignores {what}; {limit.ignored_because}.\nThe service "
        "starts without this limit."
    )
    return Verdict(Severity.WARNING, message, evidence)


_FORWARD = Remedy(
    "Turn forwarding on, now and after a reboot",
    (
        "echo 'net.ipv4.ip_forward = 1' | sudo tee /etc/sysctl.d/90-docker.conf",
        "sudo sysctl --system",
    ),
    breaks="the host forwards packets between its networks, as Docker does by default",
)
_MEANINGS = (
    _Meaning(
        "IPv4 forwarding is disabled",
        "Containers have no connection to other machines: image builds cannot download packages, "
        "and published ports may not answer. Docker turns forwarding on when it starts; something "
        "else has turned it off since.",
        remedies=(_FORWARD,),
    ),
    _Meaning(
        "API is accessible on http",
        "Anyone who can connect to that port can become root on the engine's machine. Listen only "
        "on the socket, or with TLS: https://docs.docker.com/engine/security/protect-access/",
    ),
    _Meaning(
        "without d_type support",
        "Files that were deleted in an image appear again in its containers, and builds fail. "
        "Move the engine's folder to a file system with d_type (ext4, or xfs with ftype=1).",
    ),
    _Meaning(
        "bridge-nf-call-ip6?tables is disabled",
        "iptables rules do not apply between containers on one network; the stack does not "
        "need them.",
        Severity.INFO,
    ),
    _Meaning(
        "cgroup v1",
        "The stack works with cgroup v1, but a later engine will not.",
        Severity.INFO,
    ),
)

CHECK = Check(
    id="QCA106",
    category="docker",
    title="The engine warns about its host",
    needs=("docker",),
    looks_at="the warnings that the engine reports about itself, as `docker info` prints them "
    "below its answer, except those about limits that the stack does not set; whether it can "
    "limit the number of processes, as the stack does; and, for the files given with -f, the "
    "warnings about limits that a service sets: `pids_limit`, `cpuset`, `cpu_shares`, "
    "`memswap_limit`, `oom_kill_disable` and `blkio_config`. QCA102 judges the limits on memory "
    "and CPU time.",
    why="The engine knows when its host breaks containers: without IPv4 forwarding they have no "
    "network, and without d_type images are unpacked wrongly. It ignores a limit that its kernel "
    "cannot enforce; a rootless engine, for example, has no `cpuset` unless that controller is "
    "delegated to its user. A warning that qca does not know is quoted with severity info.\nFor "
    "example: `WARNING: IPv4 forwarding is disabled`",
    fix="Follow the engine's warning.",
    url="https://docs.docker.com/reference/cli/docker/system/info/",
    judge_host=_judge_host,
    judge_file=_judge_file,
)
