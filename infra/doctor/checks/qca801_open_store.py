"""QCA801: can anyone on the network use a store that has no password?"""

import re
from collections.abc import Iterator

from infra.compose_file.model import ComposeFile, LocatedValue, PublishedPorts, Service
from infra.doctor.check import Check
from infra.doctor.dragonfly_services import explain_hidden_flags
from infra.doctor.finding import Remedy, Severity, Verdict, locate, skip
from infra.doctor.remedies.line_edit import edit_line, find_line, replace_on_line
from infra.doctor.subjects import FileSubject
from infra.dragonfly.service import is_dragonfly, read_dragonfly

_EVERY_ADDRESS = ("", "0.0.0.0", "::", "[::]")
_THIS_MACHINE = "127.0.0.1"

# Stores that speak Redis's protocol, by the last part of their images' names. In these images
# protected mode is off, so that only a password keeps anyone out.
_STORES = ("keydb", "redis", "redis-stack-server", "redis-stack", "valkey")
_PASSWORD_FLAGS = ("--requirepass", "--aclfile")
_PASSWORD_VARIABLES = ("REDIS_PASSWORD", "REDIS_ARGS", "VALKEY_PASSWORD", "VALKEY_EXTRA_FLAGS")


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for service in file.services:
        ports = [one for one in service.ports if one.address in _EVERY_ADDRESS]
        if ports and _is_store(service) and not _has_password(file, service):
            hidden = _explain_hidden(file, service)
            verdict = _skip(service, hidden) if hidden else _warn(file, service, ports[0])
            yield locate(verdict, file, ports[0])


def _is_store(service: Service) -> bool:
    image = service.image.value.partition("@")[0] if service.image else ""
    name = image.rpartition("/")[2].partition(":")[0]
    return is_dragonfly(service) or name in _STORES


def _has_password(file: ComposeFile, service: Service) -> bool:
    if is_dragonfly(service):
        flags = read_dragonfly(file, service).flags
        return any(flags[name].value for name in ("requirepass", "PASSWORD") if name in flags)
    words = " ".join(word.value for word in service.command)
    variables = service.environment
    return any(flag in words for flag in _PASSWORD_FLAGS) or any(
        variables[name].value for name in _PASSWORD_VARIABLES if name in variables
    )


def _explain_hidden(file: ComposeFile, service: Service) -> str:
    """Return where a password may be that the file does not show; empty if nowhere."""
    if is_dragonfly(service):
        return explain_hidden_flags(read_dragonfly(file, service))
    if any(word.value.endswith(".conf") for word in service.command):
        return "Its configuration file was not read."
    if service.unread_sources:
        return f"`{service.unread_sources[0]}` was not read."
    return ""


def _skip(service: Service, hidden: str) -> Verdict:
    return skip(f"Cannot determine whether service {service.name} has a password. {hidden}")


def _warn(file: ComposeFile, service: Service, ports: PublishedPorts) -> Verdict:
    message = (
        f"Service {service.name} publishes {ports} on every address, and has no password.\n"
        "Anyone who reaches this host can read, change and delete all that it stores, and have it "
        "write files in its volumes; ports that Docker publishes pass by ufw's rules. Publish "
        "the port on this machine only, or set a password."
    )
    edit = _bind_to_this_machine(file, ports)
    remedies = (edit,) if edit else ()
    return Verdict(Severity.WARNING, message, {"service": service.name}, remedies)


def _bind_to_this_machine(file: ComposeFile, ports: PublishedPorts) -> Remedy | None:
    """Return the remedy for the short form, `6379:6379`; None where it is written otherwise."""
    at = LocatedValue(str(ports), ports.line, "", ports.file)
    line = find_line(file, at) or ""
    numbers = f"{ports.first}" if ports.first == ports.last else f"{ports.first}-{ports.last}"
    match = re.search(rf"(?<![\w.:\-])(?:0\.0\.0\.0:)?{numbers}:(?=\d)", line)
    edit = replace_on_line(file, at, match[0], f"{_THIS_MACHINE}:{numbers}:") if match else None
    return edit_line("Publish it on this machine only", edit, automatic=False) if edit else None


CHECK = Check(
    id="QCA801",
    category="security",
    title="Anyone on the network can use a store without a password",
    needs=(),
    looks_at="services that run Dragonfly, Redis, Valkey or KeyDB: whether they publish a port on "
    "every address, and whether their flags or variables set a password. A configuration file "
    "inside the container is not read.",
    why="The store's images accept every connection: protected mode is off in them. Bots look for "
    "such ports, and turn a writable store into code that runs.\n"
    'For example `ports: ["6379:6379"]` is open; `["127.0.0.1:6379:6379"]` is not.',
    fix="Publish the port on 127.0.0.1, or not at all: services of one project reach one another "
    "without. Or set a password, `--requirepass`.",
    url="https://redis.io/docs/latest/operate/oss_and_stack/management/security/",
    judge_file=_judge_file,
)
