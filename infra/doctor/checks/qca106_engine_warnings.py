"""QCA106: does the engine warn about its own host or configuration?"""

import re
from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import Engine, require
from qca.core.frozen import frozen_dataclass

# QCA102 checks the limits on memory and CPU; no other missing limit stops a container.
_UNUSED_LIMITS = re.compile(
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
    concerning = [text for text in engine.warnings if not _UNUSED_LIMITS.search(text)]
    yield from map(_judge_warning, concerning)
    if not concerning:
        yield ok("The engine reports no warnings about its host.", ignored=len(engine.warnings))


def _judge_warning(text: str) -> Verdict:
    line = " ".join(text.split()).removeprefix("WARNING: ")
    evidence = {"warning": line}
    for meaning in _MEANINGS:
        if re.search(meaning.pattern, text):
            message = f"The engine warns: {line}\n{meaning.explanation}"
            return Verdict(meaning.severity, message, evidence, meaning.remedies)
    message = f"The engine warns: {line}\nWhat this means for the stack is unknown."
    return Verdict(Severity.INFO, message, evidence)


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
        "Containers have no connection to other machines: images cannot be built from packages, "
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
        "Rules of iptables do not apply between containers of one network; the stack does not "
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
    "below its answer, without those about limits that the stack does not set.",
    why="The engine knows when its host breaks containers: without IPv4 forwarding they have no "
    "network, and without d_type images are unpacked wrongly. A warning that qca does not know is "
    "quoted as an info.\nFor example: `WARNING: IPv4 forwarding is disabled`",
    fix="Follow the engine's warning.",
    url="https://docs.docker.com/reference/cli/docker/system/info/",
    judge_host=_judge_host,
)
