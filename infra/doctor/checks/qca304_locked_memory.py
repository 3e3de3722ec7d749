"""QCA304: does a service ask for more locked memory than the engine may give?"""

from collections.abc import Iterator

from infra.compose_file.limits import read_size
from infra.compose_file.model import ComposeFile, LocatedValue, Service
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, locate, ok, skip
from infra.doctor.remedies.line_edit import edit_line, replace_on_line
from infra.doctor.subjects import FileSubject, HostSubject
from infra.host.facts import Engine, NoEngine, require
from qca.core.units import format_size

_UNLIMITED = -1


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    if not subject.is_local_run:
        yield ok("The stack asks for no locked memory: with --force_epoll it needs none.")


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    engine = require(subject.facts.docker)
    for service in subject.file.services:
        if service.memlock is not None:
            verdict = _judge_service(engine, subject.file, service, service.memlock)
            yield locate(verdict, subject.file, service.memlock)


def _judge_service(
    engine: Engine | NoEngine, file: ComposeFile, service: Service, memlock: LocatedValue
) -> Verdict:
    name = service.name
    if not isinstance(engine, Engine):
        return skip(
            f"Cannot determine whether service {name} gets its memlock: no engine answered."
        )
    most = engine.most_memlock
    wanted = _UNLIMITED if memlock.value == "-1" else read_size(memlock)
    evidence = {"service": name, "asked": memlock.value, "most": most}
    if wanted is None:
        return skip(f"Service {name}: memlock {memlock.value!r} is no size.", **evidence)
    if most is None:
        return skip(
            f"Cannot determine whether service {name} gets its memlock of {memlock.value}: the "
            "daemon's process is not visible from here.",
            **evidence,
        )
    if most == _UNLIMITED or _UNLIMITED != wanted <= most:
        message = f"Service {name}: the engine can give a memlock of {memlock.value}."
        return ok(message, **evidence)
    message = (
        f"Service {name} asks for a memlock of {memlock.value}; this engine may give "
        f"{format_size(most)}.\nThe container ends with: error setting rlimit type 8: operation "
        "not permitted. The daemon lacks CAP_SYS_RESOURCE (rootless, or in a container itself).\n"
        "Dragonfly needs no locked memory with --force_epoll, nor on kernels from 5.12 on."
    )
    remedies = (_LEAVE_OUT, _lower(file, memlock, most))
    return Verdict(Severity.ERROR, message, evidence, remedies)


_LEAVE_OUT = Remedy("Leave `memlock` out, and give Dragonfly the flag --force_epoll")


def _lower(file: ComposeFile, memlock: LocatedValue, most: int) -> Remedy:
    title = f"Ask for {most}, which it may give"
    edit = replace_on_line(file, memlock, memlock.raw, str(most))
    return edit_line(title, edit, automatic=False) if edit else Remedy(title)


CHECK = Check(
    id="QCA304",
    category="dragonfly",
    title="More locked memory asked for than the engine may give",
    needs=("docker",),
    looks_at="`ulimits: memlock` of the services in the files given with -f, against the "
    "capabilities and limits of the daemon's process, where this host shows them.",
    why="Dragonfly's documentation asks for `memlock: -1`, which io_uring needed before kernel "
    "5.12. Raising a hard limit takes CAP_SYS_RESOURCE; a rootless daemon, or one in a "
    "container, lacks it, and then no container with that setting starts at all.",
    fix="Leave the setting out and let Dragonfly use epoll (`--force_epoll`); or raise the "
    "daemon's own limit (LimitMEMLOCK= of its service).",
    url="https://man7.org/linux/man-pages/man2/getrlimit.2.html",
    judge_host=_judge_host,
    judge_file=_judge_file,
)
