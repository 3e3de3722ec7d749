"""The ports that a Compose project publishes: free on this host, and each asked for once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from infra.compose_file.model import ComposeFile, PublishedPorts, Service
from infra.doctor.finding import Remedy, Severity, Verdict, locate, ok
from infra.host.facts import Listener

_ANY_ADDRESS = frozenset({"0.0.0.0", "::", "*", ""})
_LAST_PORT = 65535


@dataclass(frozen=True)
class _Claim:
    """Ports of this host that a service asks for."""

    service: Service
    ports: PublishedPorts

    @property
    def count(self) -> int:
        """How many containers ask for them."""
        scale = self.service.settings.get("scale") or self.service.settings.get("deploy.replicas")
        return int(scale.value) if scale and scale.value.isdecimal() else 1


def judge_project(file: ComposeFile, listeners: tuple[Listener, ...]) -> Iterator[Verdict]:
    """Judge what services ask for, against one another and against what listens here."""
    claims = [_Claim(service, ports) for service in file.services for ports in service.ports]
    firm = [one for one in claims if not one.ports.is_choice]
    rivals = _find_rivals(firm)
    for index, claim in enumerate(firm):
        verdict = _judge_alone(claim)
        if index in rivals:
            verdict = _describe_clash(claim, rivals[index])
        elif verdict is None and claim.ports.protocol == "tcp":
            verdict = judge_ports(listeners, claim.ports, f"service {claim.service.name}")
        if verdict is not None:
            yield locate(verdict, file, claim.ports)


def _judge_alone(claim: _Claim) -> Verdict | None:
    """Judge whether the containers of one service get in each other's way."""
    if claim.count <= 1 or claim.ports.first != claim.ports.last:
        return None
    message = (
        f"Service {claim.service.name} starts {claim.count} containers, and each publishes port "
        f"{claim.ports}.\nOnly one of them starts. Publish a range, such as "
        f"{claim.ports.first}-{claim.ports.first + claim.count - 1}, or the container's port alone."
    )
    evidence = {"port": claim.ports.first, "services": [claim.service.name]}
    return Verdict(Severity.ERROR, message, evidence)


def _find_rivals(claims: list[_Claim]) -> dict[int, _Claim]:
    """Return the claims that meet one written before them, with that one, by their place."""
    found: dict[int, int] = {}
    open_claims: list[int] = []
    for index in sorted(range(len(claims)), key=lambda one: claims[one].ports.first):
        first = claims[index].ports.first
        open_claims = [one for one in open_claims if claims[one].ports.last >= first]
        for other in open_claims:
            if _meet(claims[index].ports, claims[other].ports):
                later, earlier = max(index, other), min(index, other)
                found[later] = min(earlier, found.get(later, earlier))
        open_claims.append(index)
    return {index: claims[other] for index, other in found.items()}


def _meet(one: PublishedPorts, other: PublishedPorts) -> bool:
    return one.protocol == other.protocol and have_common_address(one.address, other.address)


def _describe_clash(claim: _Claim, rival: _Claim) -> Verdict:
    port, other = max(claim.ports.first, rival.ports.first), rival.service.name
    name = claim.service.name
    message = (
        f"Service {name} publishes port {port} twice."
        if name == other
        else f"Services {other} and {name} both publish port {port}; the second to start fails."
    )
    message += "\nThe engine says: Bind for it failed: port is already allocated."
    evidence = {"port": port, "services": [other, name]}
    return Verdict(Severity.ERROR, message, evidence, (Remedy(_suggest_other(port, claim.ports)),))


def judge_ports(
    listeners: Iterable[Listener], ports: PublishedPorts, what: str, remedy: Remedy | None = None
) -> Verdict:
    """Judge whether something else of this host has one of the ports."""
    holders = [one for one in listeners if _holds(one, ports)]
    if not holders:
        is_one = ports.first == ports.last
        subject = f"Port {ports.first} is" if is_one else f"Ports {ports.first}-{ports.last} are"
        return ok(f"{subject} free for {what}.")
    holder = max(holders, key=lambda one: one.pid or 0)
    port = holder.port
    remedy = remedy or Remedy(_suggest_other(port, ports))
    evidence = {"port": port, "pid": holder.pid, "process": holder.process}
    if holder.pid is None or holder.process == "docker-proxy":
        # It may be this very stack, which is already up: `qca up` twice is harmless.
        message = (
            f"Port {port}, which {what} wants, is in use by a container or by another user's "
            "process.\nIf that is this stack, already running, all is well; otherwise it "
            "cannot start."
        )
        look = Remedy("See which container", (f"docker ps --filter publish={port}",))
        return Verdict(Severity.WARNING, message, evidence, (look, remedy))
    message = (
        f"Port {port}, which {what} wants, is in use by {holder.process} (pid {holder.pid}).\n"
        f"It listens on {holder.address or 'every address'}."
    )
    end = Remedy(f"End {holder.process}", (f"kill {holder.pid}",), breaks=f"ends {holder.process}")
    return Verdict(Severity.ERROR, message, evidence, (remedy, end))


def _holds(listener: Listener, ports: PublishedPorts) -> bool:
    is_among = ports.first <= listener.port <= ports.last
    return is_among and have_common_address(listener.address, ports.address)


def have_common_address(one: str, other: str) -> bool:
    """Return whether two addresses to listen on get in each other's way."""
    return one == other or bool({one, other} & _ANY_ADDRESS)


def find_next_port(port: int) -> int:
    """Return another port to suggest."""
    return port + 1 if port < _LAST_PORT else port - 1


def _suggest_other(port: int, ports: PublishedPorts) -> str:
    other = find_next_port(port)
    return f"Publish on another port, such as {other}, at {ports.file}:{ports.line}"
