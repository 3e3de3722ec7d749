"""QCA601: can the stack or a Compose project publish its ports on this host?"""

import shlex
from collections.abc import Iterator
from typing import Any

from infra.compose_file.model import PublishedPorts
from infra.doctor.analysis.host_addresses import has_address
from infra.doctor.analysis.port_claims import Claim, find_rivals, have_common_address, list_claims
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject, HostSubject
from infra.host.facts import ContainerPort, HostFacts, Listener, known_or_none, require

_LAST_PORT = 65535


def _judge_host(subject: HostSubject) -> Verdict:
    port = subject.plan.store_port.value
    if subject.is_local_run or port is None:
        return ok("The stack publishes no ports on this host.")
    store = Claim(PublishedPorts("127.0.0.1", port, port), "the store")
    return _judge_claim(subject.facts, store, subject.plan.project)


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    claims = list(list_claims(subject.file))
    rivals = find_rivals(claims)
    for index, claim in enumerate(claims):
        if index in rivals:
            verdict = _report_clash(claim, rivals[index])
        elif claim.containers > 1 and claim.ports.first == claim.ports.last:
            verdict = _report_replicas(claim)
        elif claim.ports.protocol == "tcp":
            verdict = _judge_claim(subject.facts, claim)
        else:
            continue  # only TCP listeners are known
        yield locate(verdict, subject.file, claim.ports)


def _report_clash(claim: Claim, rival: Claim) -> Verdict:
    names = [side.service.name for side in (rival, claim) if side.service]
    port = max(claim.ports.first, rival.ports.first)
    message = (
        f"Services {names[0]} and {names[-1]} both publish port {port}; the second to start fails."
        if names[0] != names[-1]
        else f"Service {names[0]} publishes port {port} twice."
    )
    message += "\nThe engine reports: Bind for it failed: port is already allocated."
    remedy = Remedy(_suggest_port(port, claim))
    return Verdict(Severity.ERROR, message, {"port": port, "services": names}, (remedy,))


def _report_replicas(claim: Claim) -> Verdict:
    first, count = claim.ports.first, claim.containers
    message = (
        f"{claim.what.capitalize()} has {count} containers that all publish port {first}; only "
        f"one of them can start.\nPublish a range, such as {first}-{first + count - 1}, or only "
        "the container's port."
    )
    names = [claim.service.name] if claim.service else []
    return Verdict(Severity.ERROR, message, {"port": first, "services": names})


def _judge_claim(facts: HostFacts, claim: Claim, project: str | None = None) -> Verdict:
    """Judge ports of this host; `project` is the Compose project that claims them, if known."""
    holders = [listener for listener in require(facts.listeners) if _holds(listener, claim)]
    containers = [
        port for port in known_or_none(facts.container_ports) or () if _holds(port, claim)
    ]
    if containers:
        return _judge_container(containers[0], claim, project)
    if not holders and claim.ports.address:
        return _judge_address(facts, claim)
    if not holders:
        return ok(f"{_describe_ports(claim)} free for {claim.what}.")
    holder = max(holders, key=lambda listener: listener.pid or 0)
    evidence = {"port": holder.port, "pid": holder.pid, "process": holder.process}
    if holder.pid is None or holder.process == "docker-proxy":
        return _report_hidden(holder, claim, evidence)
    message = (
        f"Port {holder.port}, which {claim.what} publishes, is in use by {holder.process} "
        f"(pid {holder.pid}).\nIt listens on {holder.address or 'all addresses'}."
    )
    return Verdict(Severity.ERROR, message, evidence, (_move(holder.port, claim), _end(holder)))


def _judge_address(facts: HostFacts, claim: Claim) -> Verdict:
    """Judge the address on which free ports are published."""
    address = claim.ports.address
    is_here = has_address(facts, address)
    if is_here:
        return ok(f"{_describe_ports(claim)} free for {claim.what}.")
    if is_here is None:
        return skip(f"Cannot determine whether the engine's host has the address {address}.")
    message = (
        f"{claim.what.capitalize()} publishes port {claim.ports.first} on {address}, which is not "
        "an address of this host.\nUnless it is added before the start (as a VPN does), the engine "
        "reports: cannot assign requested address\n`ip -brief address` lists the addresses."
    )
    return Verdict(Severity.WARNING, message, {"port": claim.ports.first, "address": address})


def _describe_ports(claim: Claim) -> str:
    first, last = claim.ports.first, claim.ports.last
    return f"Port {first} is" if first == last else f"Ports {first}-{last} are"


def _judge_container(holder: ContainerPort, claim: Claim, project: str | None) -> Verdict:
    port, name = holder.port, holder.container
    evidence = {"port": port, "container": name, "project": holder.project}
    if holder.project and holder.project == project:
        return ok(f"Port {port} is published by this stack, which is running.", **evidence)
    move = _move(port, claim)
    owner = f"container {name}" + (f" of project {holder.project}" if holder.project else "")
    message = f"Port {port}, which {claim.what} publishes, is in use by the {owner}.\n"
    if project is None and holder.project:
        # The file's project may have any name (`docker compose -p`), and this may be its container.
        message += (
            f"If that is this file, already running, ignore this; otherwise {claim.what} fails."
        )
        return Verdict(Severity.WARNING, message, evidence, (move,))
    message += "The engine would report: Bind for it failed: port is already allocated."
    stop = Remedy(f"Stop {name}", (f"docker stop {shlex.quote(name)}",), breaks=f"stops {name}")
    return Verdict(Severity.ERROR, message, evidence, (move, stop))


def _report_hidden(holder: Listener, claim: Claim, evidence: dict[str, Any]) -> Verdict:
    # The listener may be this stack, already running: a second `qca up` is harmless.
    port, what = holder.port, claim.what
    message = (
        f"Port {port}, which {what} publishes, is in use by a container or by another user's "
        "process.\nIf that is this stack, already running, ignore this warning; otherwise "
        f"{what} cannot start."
    )
    look = Remedy("Find the container", (f"docker ps --filter publish={port}",))
    return Verdict(Severity.WARNING, message, evidence, (look, _move(port, claim)))


def _holds(holder: Listener | ContainerPort, claim: Claim) -> bool:
    is_among = claim.ports.first <= holder.port <= claim.ports.last
    return is_among and have_common_address(holder.address, claim.ports.address)


def _move(port: int, claim: Claim) -> Remedy:
    if claim.service is not None:
        return Remedy(_suggest_port(port, claim))
    return Remedy(_suggest_port(port, claim), (f"qca up --store-port {_find_next_port(port)}",))


def _suggest_port(port: int, claim: Claim) -> str:
    title = f"Publish on another port, such as {_find_next_port(port)}"
    return f"{title}, at {claim.ports.file}:{claim.ports.line}" if claim.service else title


def _find_next_port(port: int) -> int:
    return port + 1 if port < _LAST_PORT else port - 1


def _end(holder: Listener) -> Remedy:
    return Remedy(
        f"Stop {holder.process}", (f"kill {holder.pid}",), breaks=f"stops {holder.process}"
    )


CHECK = Check(
    id="QCA601",
    category="host",
    title="A port is in use",
    needs=("listeners",),
    looks_at="the ports published by the plan (none unless `store_port` is set) and by the files "
    "given with -f, compared with the listeners on this host, with the ports that the engine's "
    "containers publish, and with each other; and the addresses on which they are published.",
    why="Two programs cannot listen on the same port: the container is created but does not "
    "start. The message names the program or the container that uses it, if the system or the "
    "engine shows it. A port of this stack, already running, is not reported.",
    fix="Publish on another port, or stop the program that uses it.",
    url="https://docs.docker.com/engine/network/port-publishing/",
    judge_host=_judge_host,
    judge_file=_judge_file,
)
