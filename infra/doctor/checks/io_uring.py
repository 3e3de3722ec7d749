"""Does Dragonfly get io_uring in a container, or fall back to epoll?"""

import re
from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.dragonfly_services import list_dragonflies
from infra.doctor.finding import Severity, Verdict, locate, ok
from infra.doctor.subjects import FileSubject, HostSubject
from infra.dragonfly.service import Dragonfly
from infra.host.container_gpu import version_of
from infra.host.facts import Engine, require

# helio's uring proactor asks for 5.10: older kernels get epoll.
_KERNEL = (5, 10)
# Docker's default seccomp profile blocks io_uring since Engine 25.0 (moby #46762).
_ENGINE_THAT_BLOCKS = (25, 0)


def _judge_stack(subject: HostSubject) -> Iterator[Verdict]:
    if subject.plan.runtime.value == "compose":
        yield ok("The stack starts Dragonfly with --force_epoll, which runs anywhere.")


def _judge_services(subject: FileSubject) -> Iterator[Verdict]:
    reasons = _reasons(subject)
    for dragonfly in list_dragonflies(subject.file):
        yield locate(_of_service(dragonfly, reasons), subject.file, dragonfly.service)


def _reasons(subject: FileSubject) -> list[str]:
    """Say what keeps io_uring from a container on this host."""
    docker, system = require(subject.facts.docker), require(subject.facts.system)
    reasons = []
    kernel = re.match(r"(\d+)\.(\d+)", system.release)
    if kernel and (int(kernel[1]), int(kernel[2])) < _KERNEL:
        reasons.append(f"kernel {system.release} is older than 5.10")
    if system.io_uring_disabled:
        reasons.append(f"kernel.io_uring_disabled is {system.io_uring_disabled}")
    if isinstance(docker, Engine) and version_of(docker) >= _ENGINE_THAT_BLOCKS:
        reasons.append(f"Engine {docker.version}'s seccomp profile blocks io_uring (since 25.0)")
    return reasons


def _of_service(dragonfly: Dragonfly, reasons: list[str]) -> Verdict:
    name = dragonfly.service.name
    if "force_epoll" in dragonfly.flags:
        return ok(f"Service {name}: Dragonfly uses epoll by its own flag.")
    if not reasons:
        return ok(f"Service {name}: nothing is known that keeps io_uring from it.")
    message = (
        f"Service {name}: Dragonfly will use epoll instead of io_uring: {'; '.join(reasons)}.\n"
        "It says so once in its log and runs, a little slower; there is nothing to mend. "
        "`--force_epoll` keeps it from trying."
    )
    return Verdict(Severity.INFO, message, {"service": name, "reasons": reasons})


IO_URING = Check(
    id="QCA303",
    category="dragonfly",
    title="Dragonfly will use epoll",
    needs=("docker", "system"),
    looks_at="the kernel's release, its setting io_uring_disabled, and the engine's version, for "
    "Dragonfly services of the files given with -f that do not ask for --force_epoll.",
    why="Dragonfly prefers io_uring, which needs kernel 5.10 and a seccomp profile that allows "
    "it. Docker's default profile blocks it since Engine 25.0. Where its probe fails Dragonfly "
    "falls back to epoll with a warning in its log: slower, no fault.",
    fix="Nothing needs to be done. Running without seccomp would bring io_uring back and is not "
    "worth what it gives away.",
    url="https://github.com/moby/moby/pull/46762",
    judge_host=_judge_stack,
    judge_file=_judge_services,
)
