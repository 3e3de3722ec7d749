"""Does a service ask for more locked memory than the engine may give?"""

from collections.abc import Iterator

from infra.compose_file.limits import read_size
from infra.compose_file.model import ComposeFile, LocatedValue, Service
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, locate, ok, skip
from infra.doctor.remedies.line_edit import edit_line, replace_on_line
from infra.doctor.subjects import FileSubject, HostSubject
from infra.host.facts import Engine, require
from qca.core.units import format_size

_ANY = -1


def _judge_stack(subject: HostSubject) -> Iterator[Verdict]:
    if subject.plan.runtime.value == "compose":
        yield ok("The stack asks for no locked memory: with --force_epoll it needs none.")


def _judge_services(subject: FileSubject) -> Iterator[Verdict]:
    for service in subject.file.services:
        if service.memlock is not None:
            verdict = _of_service(subject, subject.file, service, service.memlock)
            yield locate(verdict, subject.file, service.memlock)


def _of_service(
    subject: FileSubject, file: ComposeFile, service: Service, asked: LocatedValue
) -> Verdict:
    engine = require(subject.facts.docker)
    if not isinstance(engine, Engine):
        return skip(f"Whether service {service.name} gets its memlock cannot be told: no engine.")
    most = engine.most_memlock
    wanted = _ANY if asked.value == "-1" else read_size(asked)
    evidence = {"service": service.name, "asked": asked.value, "most": most}
    if wanted is None:
        return skip(f"Service {service.name}: memlock {asked.value!r} is no size.", **evidence)
    if most is None:
        return skip(
            f"Whether service {service.name} gets its memlock of {asked.value} cannot be told: "
            "the daemon's process cannot be seen from here.",
            **evidence,
        )
    if most == _ANY or (wanted not in (_ANY,) and wanted <= most):
        return ok(f"Service {service.name}: the engine can give a memlock of {asked.value}.")
    message = (
        f"Service {service.name} asks for a memlock of {asked.value}; this engine may give "
        f"{format_size(most)}.\nThe container ends with: error setting rlimit type 8: operation "
        "not permitted. The daemon lacks CAP_SYS_RESOURCE (rootless, or in a container itself).\n"
        "Dragonfly needs no locked memory with --force_epoll, nor on kernels from 5.12 on."
    )
    edit = replace_on_line(file, asked, asked.raw, str(most))
    remedy = Remedy("Leave `memlock` out, and give Dragonfly the flag --force_epoll")
    lower = f"Ask for {most}, which it may give"
    other = edit_line(lower, edit, automatic=False) if edit else Remedy(lower)
    return Verdict(Severity.ERROR, message, evidence, (remedy, other))


MEMLOCK = Check(
    id="QCA304",
    category="dragonfly",
    title="More locked memory asked for than the engine may give",
    needs=("docker",),
    looks_at="`ulimits: memlock` of the services in the files given with -f, against the "
    "capabilities and limits of the daemon's process, where that is to be seen on this host.",
    why="Dragonfly's documentation asks for `memlock: -1`, which io_uring needed before kernel "
    "5.12. Raising a hard limit takes CAP_SYS_RESOURCE; a rootless daemon, or one in a "
    "container, lacks it, and then no container with that setting starts at all.",
    fix="Leave the setting out and let Dragonfly use epoll (`--force_epoll`), as the stack of "
    "`qca up` does; or raise the daemon's own limit (LimitMEMLOCK= of its service).",
    url="https://man7.org/linux/man-pages/man2/getrlimit.2.html",
    judge_host=_judge_stack,
    judge_file=_judge_services,
)
