"""QCA304: does a service request more locked memory than the engine can give?"""

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
        yield ok("The stack needs no locked memory, because it uses --force_epoll.")


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
        return skip(f"Service {name}: memlock {memlock.value!r} is not a valid size.", **evidence)
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
        f"Service {name} requests a memlock of {memlock.value}; this engine can give at most "
        f"{format_size(most)}.\nThe container fails with: error setting rlimit type 8: operation "
        "not permitted. The daemon lacks CAP_SYS_RESOURCE (it is rootless, or runs in a "
        "container).\nDragonfly needs no locked memory with --force_epoll or on kernel 5.12 and "
        "newer."
    )
    remedies = (_LEAVE_OUT, _lower(file, memlock, most))
    return Verdict(Severity.ERROR, message, evidence, remedies)


_LEAVE_OUT = Remedy("Remove `memlock`, and add the flag --force_epoll to Dragonfly")


def _lower(file: ComposeFile, memlock: LocatedValue, most: int) -> Remedy:
    title = f"Request {most}, which the engine can give"
    edit = replace_on_line(file, memlock, memlock.raw, str(most))
    return edit_line(title, edit, automatic=False) if edit else Remedy(title)


CHECK = Check(
    id="QCA304",
    category="dragonfly",
    title="More locked memory than the engine can give",
    needs=("docker",),
    looks_at="`ulimits: memlock` of the services in the files given with -f, compared with the "
    "capabilities and limits of the daemon's process, if this host shows them.",
    why="Dragonfly's documentation asks for `memlock: -1`, which io_uring needed before kernel "
    "5.12. Raising a hard limit requires CAP_SYS_RESOURCE. A rootless daemon, or one in a "
    "container, does not have it and cannot start any container with that setting.",
    fix="Remove the setting and let Dragonfly use epoll (`--force_epoll`); or raise the daemon's "
    "own limit (LimitMEMLOCK= of its service).",
    url="https://man7.org/linux/man-pages/man2/getrlimit.2.html",
    judge_host=_judge_host,
    judge_file=_judge_file,
)
