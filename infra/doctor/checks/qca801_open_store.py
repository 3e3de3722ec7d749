"""QCA801: can anyone on the network use a store without a password?"""

import shlex
from collections.abc import Iterator, Sequence

from infra.compose_file.model import ComposeFile, LocatedValue, PublishedPorts, Service
from infra.doctor.analysis.dragonfly_services import explain_hidden_flags
from infra.doctor.check import Check
from infra.doctor.finding import HasLine, Severity, Verdict, locate, skip
from infra.doctor.remedies.publish_locally import publish_locally
from infra.doctor.subjects import FileSubject
from infra.dragonfly.service import is_dragonfly, read_dragonfly

_EVERY_ADDRESS = ("", "*", "0.0.0.0", "::", "[::]")
_THIS_MACHINE = "127.0.0.1"

# Stores that use Redis's protocol, by the last part of the image's name. These images turn
# protected mode off, so only a password restricts access.
_STORES = ("keydb", "redis", "redis-stack-server", "redis-stack", "valkey")
_PASSWORD_VARIABLES = ("REDIS_PASSWORD", "VALKEY_PASSWORD")
_FLAG_VARIABLES = ("REDIS_ARGS", "VALKEY_EXTRA_FLAGS")
_PASSWORD, _ACCESS_LIST, _BIND = "requirepass", "aclfile", "bind"


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for service in filter(_is_store, file.services):
        where = _find_opening(file, service)
        if where is None or _read_flag(file, service, _PASSWORD) or _has_password(service):
            continue
        hidden = _explain_hidden(file, service)
        verdict = _skip(service, hidden) if hidden else _warn(file, service, where)
        yield locate(verdict, file, where)


def _is_store(service: Service) -> bool:
    image = service.image.value.partition("@")[0] if service.image else ""
    name = image.rpartition("/")[2].partition(":")[0]
    return is_dragonfly(service) or name in _STORES


def _find_opening(file: ComposeFile, service: Service) -> LocatedValue | PublishedPorts | None:
    """Return the setting that exposes the store: the host's network or a port on all addresses.

    Return None if nothing does. On the host's network, Docker ignores `ports`, and the store's own
    `bind` applies.
    """
    network = service.settings.get("network_mode")
    if network is not None and network.value == "host":
        addresses = _read_flag(file, service, _BIND).split()
        is_open = not addresses or any(
            address.lstrip("-") in _EVERY_ADDRESS for address in addresses
        )
        return network if is_open else None
    return next(iter(_list_open_ports(service)), None)


def _list_open_ports(service: Service) -> list[PublishedPorts]:
    return [port for port in service.ports if port.address in _EVERY_ADDRESS]


def _has_password(service: Service) -> bool:
    """Return whether a variable that the image's entrypoint reads sets a password.

    Dragonfly's variable is read as a flag instead.
    """
    variables = service.environment
    return any(variables[name].value for name in _PASSWORD_VARIABLES if name in variables)


def _read_flag(file: ComposeFile, service: Service, name: str) -> str:
    """Return a flag's value; empty if the flag is not set."""
    if is_dragonfly(service):
        flags = read_dragonfly(file, service).flags
        old = flags.get("PASSWORD") if name == _PASSWORD else None  # as in DFLY_PASSWORD
        found = flags.get(name) or old
        return found.value if found else ""
    words = [word.value for word in service.command]
    for variable in _FLAG_VARIABLES:
        if variable in service.environment:
            words += _split_words(service.environment[variable].value)
    return _read_words(words, f"--{name}")


def _split_words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quote is not closed
        return text.split()


def _read_words(words: Sequence[str], flag: str) -> str:
    """Return the words between a flag and the next: Redis accepts `--bind a b` and `--flag=x`."""
    value: list[str] = []
    is_inside = False
    for word in words:
        name, equals, text = word.partition("=")
        if word.startswith("--"):
            is_inside = name == flag
            value = [text] if is_inside and equals else [] if is_inside else value
        elif is_inside:
            value.append(word)
    return " ".join(value).strip()


def _explain_hidden(file: ComposeFile, service: Service) -> str:
    """Return a sentence about an unread source that may set a password; empty if there is none."""
    if is_dragonfly(service) and (hidden := explain_hidden_flags(read_dragonfly(file, service))):
        return hidden
    if _read_flag(file, service, _ACCESS_LIST):
        return "Its list of users, `aclfile`, was not read."
    if not is_dragonfly(service) and any(word.value.endswith(".conf") for word in service.command):
        return "Its configuration file was not read."
    if service.unread_sources:
        return f"`{service.unread_sources[0]}` was not read."
    return ""


def _skip(service: Service, hidden: str) -> Verdict:
    return skip(f"Cannot determine whether service {service.name} has a password. {hidden}")


def _warn(file: ComposeFile, service: Service, where: HasLine) -> Verdict:
    if isinstance(where, PublishedPorts):
        opening = f"publishes {where} on all addresses"
        cure = (
            "ports that Docker publishes bypass ufw's rules. Publish the port only on this machine"
        )
        edit = publish_locally(file, _list_open_ports(service))
    else:
        opening = "listens on all addresses of the host's network"
        cure = f"`ports` has no effect there. Set `--bind {_THIS_MACHINE}`"
        edit = None
    message = (
        f"Service {service.name} {opening} without a password.\nAnyone who can reach this host "
        f"can read, change and delete the store's data, and make it write files to its "
        f"volumes; {cure}, or set a password."
    )
    remedies = (edit,) if edit else ()
    return Verdict(Severity.WARNING, message, {"service": service.name}, remedies)


CHECK = Check(
    id="QCA801",
    category="security",
    title="Anyone on the network can use a store without a password",
    needs=(),
    looks_at="services that run Dragonfly, Redis, Valkey or KeyDB: whether they publish a port on "
    "all addresses or use the host's network, and whether their flags or variables set a "
    "password. A configuration file inside the container is not read.",
    why="The stores' images accept every connection, because protected mode is off. Bots scan for "
    'open ports and use a writable store to run code.\nFor example `ports: ["6379:6379"]` is '
    'open; `["127.0.0.1:6379:6379"]` is not.',
    fix="Publish the port on 127.0.0.1, or not at all: services of one project can connect to "
    "each other without it. Or set a password with `--requirepass`.",
    url="https://redis.io/docs/latest/operate/oss_and_stack/management/security/",
    judge_file=_judge_file,
)
