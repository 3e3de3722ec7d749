"""QCA708: does every word of a command string reach the container?"""

from collections.abc import Iterator

from infra.compose_file.model import LocatedValue, Service
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    cut = [service for service in file.services if service.dropped_words]
    for service in cut:
        if dropped := service.dropped_words:
            yield locate(_describe_cut(service, dropped), file, dropped)
    unseen = [
        service
        for service in file.services
        if "extends" in service.unread_sources and not service.command
    ]
    for service in unseen:
        message = f"Cannot determine whether the command of service {service.name} is truncated: "
        yield locate(skip(message + "the service that it extends was not read."), file, service)
    if not cut and not unseen:
        yield ok(f"{file.path}: no command string is truncated.")


def _describe_cut(service: Service, dropped: LocatedValue) -> Verdict:
    """Return a warning that shows the part of the command that Compose drops."""
    text = dropped.value.strip()
    message = (
        f"Service {service.name}: Compose drops the end of the command: {text}\nCompose silently "
        f"ends a command string at an unquoted {text[:1]}. Quote the word that contains it, or "
        "write the command as a list; for a shell: [sh, -c, '...']."
    )
    evidence = {"service": service.name, "dropped": text}
    return Verdict(Severity.WARNING, message, evidence)


CHECK = Check(
    id="QCA708",
    category="file",
    title="Compose drops the end of a command",
    needs=(),
    looks_at="`command` and `entrypoint` that are written as one string.",
    why="Compose splits the string itself, without a shell. It stops at an unquoted `;`, `&`, "
    "`|`, `<` or `>`, and the rest never reaches the container. An `&` in a password drops all "
    "flags after it.",
    fix="Quote the word that contains the character, or write the command as a list.",
    url="https://docs.docker.com/reference/compose-file/services/#command",
    judge_file=_judge_file,
)
