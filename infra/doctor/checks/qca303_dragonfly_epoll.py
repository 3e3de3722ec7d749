"""QCA303: can Dragonfly use io_uring in a container, or does it fall back to epoll?"""

from collections.abc import Iterator

from infra.doctor.analysis.dragonfly_services import list_dragonflies
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok
from infra.doctor.subjects import FileSubject, HostSubject
from infra.dragonfly.flag_values import parse_boolean
from infra.dragonfly.service import Dragonfly
from infra.host.facts import Engine, HostFacts, require
from qca.core.versions import parse_version

# helio's uring proactor needs kernel 5.10; on older kernels Dragonfly uses epoll.
_KERNEL = (5, 10)
# Docker's default seccomp profile has blocked io_uring since Engine 25.0 (moby #46762).
_ENGINE_THAT_BLOCKS = (25, 0)


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    if not subject.is_local_run:
        yield ok("The stack starts Dragonfly with --force_epoll, which works everywhere.")


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    obstacles = list(_list_obstacles(subject.facts))
    for dragonfly in list_dragonflies(subject.file):
        yield locate(_judge_service(dragonfly, obstacles), subject.file, dragonfly.service)


def _list_obstacles(facts: HostFacts) -> Iterator[str]:
    """Yield the reasons why containers on this host cannot use io_uring."""
    docker, system = require(facts.docker), require(facts.system)
    kernel = parse_version(system.release)
    if kernel and kernel < _KERNEL:
        yield f"kernel {system.release} is older than 5.10"
    if system.io_uring_disabled:
        yield f"kernel.io_uring_disabled is {system.io_uring_disabled}"
    if isinstance(docker, Engine) and parse_version(docker.version) >= _ENGINE_THAT_BLOCKS:
        yield f"Engine {docker.version}'s seccomp profile blocks io_uring (since 25.0)"


def _judge_service(dragonfly: Dragonfly, obstacles: list[str]) -> Verdict:
    name = dragonfly.service.name
    epoll = dragonfly.flags.get("force_epoll")
    if epoll is not None and parse_boolean(epoll.value):
        return ok(f"Service {name}: Dragonfly uses epoll, as its flag requires.")
    if not obstacles:
        return ok(f"Service {name}: no known obstacle to io_uring.")
    message = (
        f"Service {name}: Dragonfly will use epoll instead of io_uring: {'; '.join(obstacles)}.\n"
        "It logs this once and runs a little slower; you don't need to fix anything. With "
        "`--force_epoll` it does not try io_uring."
    )
    return Verdict(Severity.INFO, message, {"service": name, "reasons": obstacles})


CHECK = Check(
    id="QCA303",
    category="dragonfly",
    title="Dragonfly will use epoll",
    needs=("docker", "system"),
    looks_at="the kernel's release, its setting io_uring_disabled, and the engine's version, for "
    "Dragonfly services without --force_epoll in the files given with -f.",
    why="Dragonfly prefers io_uring, which needs kernel 5.10 and a seccomp profile that allows "
    "it. Docker's default profile has blocked it since Engine 25.0. If its probe fails, Dragonfly "
    "logs a warning and falls back to epoll, which is slower but not a fault.",
    fix="You don't need to fix anything. Running without seccomp would enable io_uring, but the "
    "loss of protection is not worth it.",
    url="https://github.com/moby/moby/pull/46762",
    judge_host=_judge_host,
    judge_file=_judge_file,
)
