"""Does Dragonfly get io_uring in a container, or fall back to epoll?"""

import re

from infra.doctor.check import Check, Severity, Subject, Verdict, ok, value
from infra.host.facts import NoEngine

# helio's uring proactor asks for 5.10: older kernels get epoll.
_KERNEL = (5, 10)
# Docker's default seccomp profile blocks io_uring since Engine 25.0 (moby #46762).
_ENGINE_THAT_BLOCKS = 25


def _io_uring(subject: Subject) -> list[Verdict]:
    docker, system = value(subject.facts.docker), value(subject.facts.system)
    if isinstance(docker, NoEngine) or subject.plan.runtime == "local":
        return []
    reasons = []
    kernel = re.match(r"(\d+)\.(\d+)", system.release)
    if kernel and (int(kernel[1]), int(kernel[2])) < _KERNEL:
        reasons.append(f"kernel {system.release} is older than 5.10")
    engine = re.match(r"\d+", docker.version)
    if engine and int(engine[0]) >= _ENGINE_THAT_BLOCKS:
        reasons.append(f"Engine {docker.version}'s seccomp profile blocks io_uring (since 25.0)")
    if system.io_uring_disabled:
        reasons.append(f"kernel.io_uring_disabled is {system.io_uring_disabled}")
    if not reasons:
        return [ok("Nothing is known that keeps io_uring from Dragonfly.")]
    message = (
        f"Dragonfly will use epoll instead of io_uring: {'; '.join(reasons)}.\n"
        "It says so once in its log and runs, a little slower; there is nothing to mend. "
        "`--force_epoll` keeps it from trying."
    )
    return [Verdict(Severity.INFO, message, {"reasons": reasons})]


IO_URING = Check(
    id="QCA303",
    category="dragonfly",
    title="Dragonfly will use epoll",
    needs=("docker", "system"),
    looks_at="the kernel's release, its setting io_uring_disabled, and the engine's version.",
    why="Dragonfly prefers io_uring, which needs kernel 5.10 and a seccomp profile that allows "
    "it. Docker's default profile blocks it since Engine 25.0. Where its probe fails Dragonfly "
    "falls back to epoll with a warning in its log: slower, no fault.",
    mend="Nothing needs to be done. Running without seccomp would bring io_uring back and is not "
    "worth what it gives away.",
    url="https://github.com/moby/moby/pull/46762",
    judge=_io_uring,
)
