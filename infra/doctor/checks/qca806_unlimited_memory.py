"""QCA806: can one service take all of the host's memory?"""

from collections.abc import Iterator

from infra.doctor.analysis.unread_extends import is_part_hidden, skip_hidden_services
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate
from infra.doctor.subjects import FileSubject

_MOST_SHOWN = 8


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    whole = [service for service in file.services if not is_part_hidden(service)]
    found = [service for service in whole if service.memory_limit is None]
    yield from skip_hidden_services(file, "has a memory limit")
    if found:
        names = [service.name for service in found]
        more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
        message = (
            f"Services without a memory limit: {', '.join(names[:_MOST_SHOWN])}{more}.\nA flood "
            "of requests or a leak in one of them can use up the memory of the whole host. Set a "
            "`mem_limit` for each."
        )
        yield locate(Verdict(Severity.INFO, message, {"services": names}), file, found[0])


CHECK = Check(
    id="QCA806",
    category="security",
    title="Services without a memory limit",
    needs=(),
    looks_at="`mem_limit` and `deploy.resources.limits.memory` of the services.",
    why="Without a limit, the kernel may kill any process on the host when the memory runs out.\n"
    "For example, with `mem_limit: 1g` the kernel kills only the service that exceeds it.",
    fix="Set `mem_limit` somewhat above the memory that the service uses (`docker stats`).",
    url="https://docs.docker.com/engine/containers/resource_constraints/",
    judge_file=_judge_file,
)
