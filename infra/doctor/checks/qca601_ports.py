"""QCA601: is every port free that the stack or a Compose project publishes on this host?"""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.compose_file.model import ComposeFile, Service
from infra.doctor.check import Check
from infra.doctor.finding import Location, Remedy, Severity, Verdict, ok
from infra.doctor.subjects import FileSubject, HostSubject
from infra.host.facts import Listener, require

_ANY_ADDRESS = frozenset({"0.0.0.0", "::", "*", ""})
_LAST_PORT = 65535


@dataclass(frozen=True)
class _Publication:
    """A port of this host that is asked for, and by what."""

    address: str
    port: int
    what: str
    service: Service | None = None
    location: Location | None = None


def _judge_host(subject: HostSubject) -> Verdict:
    port = subject.plan.store_port.value
    if subject.is_local_run or port is None:
        return ok("The stack publishes no port on this host.")
    store = _Publication("127.0.0.1", port, "the store")
    return _judge_port(require(subject.facts.listeners), store)


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    listeners = require(subject.facts.listeners)
    earlier: list[_Publication] = []
    for one in _list_publications(subject.file):
        rival = next((other for other in earlier if _clashes(one, other)), None)
        earlier.append(one)
        yield _judge_port(listeners, one) if rival is None else _report_clash(one, rival)


def _list_publications(file: ComposeFile) -> Iterator[_Publication]:
    for service in file.services:
        for text in service.ports:
            address, _, number = text.value.rpartition(":")
            if number.isdecimal():
                location = Location(text.file or file.path, text.line)
                what = f"service {service.name}"
                yield _Publication(address, int(number), what, service, location)


def _clashes(one: _Publication, other: _Publication) -> bool:
    """Whether two services that start together ask for one port."""
    if one.what == other.what or one.port != other.port:
        return False
    return _start_together(one.service, other.service) and _overlap(one.address, other.address)


def _start_together(one: Service | None, other: Service | None) -> bool:
    if one is None or other is None or not one.profiles or not other.profiles:
        return True
    return not set(one.profiles).isdisjoint(other.profiles)


def _overlap(address: str, other: str) -> bool:
    return address == other or bool({address, other} & _ANY_ADDRESS)


def _report_clash(one: _Publication, rival: _Publication) -> Verdict:
    message = (
        f"Port {one.port}, which {one.what} wants, {rival.what} "
        "wants too.\nThe one that starts second does not: the port is allocated, or in use."
    )
    services = [two.service.name for two in (rival, one) if two.service]
    evidence = {"port": one.port, "services": services}
    return Verdict(Severity.ERROR, message, evidence, (Remedy(_suggest_port(one)),), one.location)


def _judge_port(listeners: tuple[Listener, ...], one: _Publication) -> Verdict:
    port, what, location = one.port, one.what, one.location
    holders = [
        listener
        for listener in listeners
        if listener.port == port and _overlap(listener.address, one.address)
    ]
    if not holders:
        return Verdict(Severity.OK, f"Port {port} is free for {what}.", location=location)
    holder = max(holders, key=lambda listener: listener.pid or 0)
    evidence = {"port": port, "pid": holder.pid, "process": holder.process}
    if holder.pid is None or holder.process == "docker-proxy":
        # It may be this very stack, which is already up: `qca up` twice is harmless.
        message = (
            f"Port {port}, which {what} wants, is in use by a container or by another user's "
            "process.\nIf that is this stack, already running, all is well; otherwise it "
            "cannot start."
        )
        look = Remedy("See which container", (f"docker ps --filter publish={port}",))
        return Verdict(Severity.WARNING, message, evidence, (look, _move(one)), location)
    message = (
        f"Port {port}, which {what} wants, is in use by {holder.process} (pid {holder.pid}).\n"
        f"It listens on {holder.address or 'every address'}."
    )
    return Verdict(Severity.ERROR, message, evidence, (_move(one), _end(holder)), location)


def _move(one: _Publication) -> Remedy:
    if one.location is not None:
        return Remedy(_suggest_port(one))
    return Remedy(_suggest_port(one), (f"qca up --store-port {_find_next_port(one.port)}",))


def _suggest_port(one: _Publication) -> str:
    title = f"Publish on another port, such as {_find_next_port(one.port)}"
    return f"{title}, at {one.location.file}:{one.location.line}" if one.location else title


def _find_next_port(port: int) -> int:
    return port + 1 if port < _LAST_PORT else port - 1


def _end(holder: Listener) -> Remedy:
    return Remedy(f"End {holder.process}", (f"kill {holder.pid}",), breaks=f"ends {holder.process}")


CHECK = Check(
    id="QCA601",
    category="host",
    title="A port is in use",
    needs=("listeners",),
    looks_at="the ports that the plan publishes (none unless `store_port` is set) and those "
    "of the files given with -f, against what listens on this host and against each other.",
    why="Two programs cannot listen on one port: the container is made and not started. "
    "Who holds it is named where the system tells; a container's port is held by "
    "docker-proxy, and may be this very stack.",
    fix="Publish on another port, or end what holds it.",
    url="https://docs.docker.com/engine/network/port-publishing/",
    judge_host=_judge_host,
    judge_file=_judge_file,
)
