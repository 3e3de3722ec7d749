"""QCA712: does each service that another one waits for become ready?"""

import re
from collections.abc import Iterator

from infra.compose_file.model import LocatedValue, Service, Wait
from infra.doctor.analysis.image_health import HEALTHY, is_without_health_check
from infra.doctor.analysis.unread_extends import is_part_hidden
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.facts import EngineAnswers
from qca.core.frozen import frozen_dataclass

_COMPLETED = "service_completed_successfully"
_ENDLESS = ("always", "unless-stopped")
_SHELLS = ("ash", "bash", "dash", "sh")
_KINDS = ("CMD ", "CMD-SHELL ")
_OPERATORS = ("||", "&&")
_VARIABLE = re.compile(r"\$\{?[A-Za-z_]")


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    services = {service.name: service for service in file.services}
    awaited: set[str] = set()
    verdicts: list[Verdict] = []
    for service in file.services:
        for wait in service.waits:
            other = services.get(wait.name)
            verdict = _judge_wait(service, wait, other, subject.engine_answers) if other else None
            if wait.condition == HEALTHY:
                awaited.add(wait.name)
            if verdict:
                verdicts.append(locate(verdict, file, wait))
    for service in file.services:
        test = service.health_check.test
        if fault := _find_fault(test):
            is_fatal = fault.is_certain and service.name in awaited
            severity = Severity.ERROR if is_fatal else Severity.WARNING
            verdicts.append(locate(_report(service, fault, severity), file, test[-1]))
    yield from verdicts or [ok(f"{file.path}: no service waits for one that is never ready.")]


def _judge_wait(
    service: Service, wait: Wait, other: Service, answers: EngineAnswers
) -> Verdict | None:
    if wait.condition == _COMPLETED:
        return _judge_completion(service, other)
    if wait.condition != HEALTHY:
        return None
    if other.health_check.is_disabled:
        return _refuse(service, other, "its health check is disabled")
    image = other.image.value if other.image and not other.is_built else ""
    details = answers.find_image(image)
    if other.health_check.test or (details and details.has_health_check):
        return None
    if is_part_hidden(other):
        return _skip(other, "the service that it extends", answers.explain_image(image))
    if details or is_without_health_check(image):
        return _refuse(service, other, f"neither the file nor the image {image} has one")
    unread = f"the image {image}" if image else "the image that is built"
    return _skip(other, unread, answers.explain_image(image))


def _judge_completion(service: Service, other: Service) -> Verdict | None:
    restart = other.settings.get("restart")
    if restart is None or restart.value not in _ENDLESS:
        return None
    message = (
        f"Service {service.name} waits until {other.name} completes, but `restart: "
        f"{restart.value}` starts {other.name} again each time.\n`docker compose up` waits "
        "forever. Use `restart: on-failure`, or remove the key."
    )
    return Verdict(Severity.ERROR, message, {"service": service.name, "dependency": other.name})


def _refuse(service: Service, other: Service, why: str) -> Verdict:
    message = (
        f"Service {service.name} waits until {other.name} is healthy, but {other.name} has no "
        f"health check: {why}.\nCompose reports: dependency failed to start: container ... has no "
        f"healthcheck configured\nAdd `healthcheck` to {other.name}, or wait for `service_started`."
    )
    return Verdict(Severity.ERROR, message, {"service": service.name, "dependency": other.name})


def _skip(other: Service, unread: str, reason: str) -> Verdict:
    """Return the skipped verdict, with the engine's error if it did not inspect the image."""
    return skip(
        f"Cannot determine whether service {other.name}, which another service waits for, has a "
        f"health check: {unread} was not examined{f': {reason}' if reason else ''}."
    )


@frozen_dataclass
class _Fault:
    """Why a health check does not do what it seems to do."""

    why: str
    is_certain: bool = True
    """Whether the health check always fails."""


def _find_fault(test: tuple[LocatedValue, ...]) -> _Fault | None:
    kind, words = (test[0].value, [word.value for word in test[1:]]) if test else ("", [])
    if kind == "CMD-SHELL" and words and words[0].startswith(_KINDS):
        return _Fault(f"the shell looks for a program {words[0].split()[0]}")
    if kind == "CMD-SHELL" and len(words) > 1:
        why = f"the shell runs only {words[0]!r}; the other items are not part of the command"
        return _Fault(why, is_certain=False)
    if kind != "CMD" or not words:
        return None
    if len(words) == 1 and len(words[0].split()) > 1:
        return _Fault(f"there is no program {words[0]!r}; its arguments must be items of their own")
    if words[0].rpartition("/")[2] in _SHELLS:
        return None
    for word in words:
        if word in _OPERATORS or _VARIABLE.search(word):
            why = f"{word!r} reaches {words[0]} as it is, because no shell reads it"
            return _Fault(why, is_certain=word in _OPERATORS)
    return None


def _report(service: Service, fault: _Fault, severity: Severity) -> Verdict:
    outcome = "The container becomes unhealthy" if fault.is_certain else "The check may fail"
    message = (
        f"Service {service.name}: its health check does not do what it says: {fault.why}.\n"
        f"{outcome}. Write the test as one string, which a shell runs, or every word as an item "
        "after `CMD`."
    )
    return Verdict(severity, message, {"service": service.name})


CHECK = Check(
    id="QCA712",
    category="file",
    title="A service that never becomes ready",
    needs=(),
    looks_at="`depends_on` with the conditions `service_healthy` and "
    "`service_completed_successfully`: whether the other service has a health check, in the file "
    "or in its image, and whether its `restart` lets it complete; and whether the command in "
    "`healthcheck.test` runs as it is meant to.",
    why="Compose starts a service only when those that it waits for are ready; otherwise `up` "
    "fails or waits forever. Most official images have no health check. With `CMD` no shell reads "
    "the test: `||` and `$VARIABLE` are passed to the program, and a whole command in one item is "
    "taken for the program's name.\nFor example, `test: [CMD, redis-cli ping]` fails with: "
    'exec: "redis-cli ping": executable file not found in $PATH',
    fix="Add a health check, for example `test: [CMD, redis-cli, ping]`; or wait for "
    "`service_started`.",
    url="https://docs.docker.com/compose/how-tos/startup-order/",
    judge_file=_judge_file,
)
