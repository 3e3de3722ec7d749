"""QCA191: do containers find names? Asked by `qca doctor --deep`."""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import NameLookup, require

_PLACES = {
    "stack": "on a network as the stack's",
    "default": "on the network that images are built in",
}


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    for lookup in require(subject.facts.live_lookups):
        yield _judge_lookup(subject, lookup)


def _judge_lookup(subject: HostSubject, lookup: NameLookup) -> Verdict:
    place = _PLACES[lookup.network]
    evidence = {"name": lookup.name, "network": lookup.network}
    if lookup.found is None:
        return skip(
            f"Cannot determine whether containers {place} find {lookup.name}: {lookup.detail}.",
            **evidence,
        )
    if lookup.found:
        return ok(f"A container {place} finds {lookup.name}.", **evidence)
    message = f"A container {place} does not find {lookup.name}.\n{lookup.detail}\n"
    if lookup.network == "stack":
        message += "The trainer reaches the store by that name."
        severity = subject.grade_container_fault()
        return Verdict(severity, message, evidence, (_RESTORE_RULES,))
    message += "This host finds it. What an image's build downloads cannot be reached like this."
    return Verdict(Severity.WARNING, message, evidence, _NAME_SERVERS)


_RESTORE_RULES = Remedy(
    "Restart the daemon: it writes its packet filter rules again, which a reloaded firewall drops",
    ("sudo systemctl restart docker",),
    breaks="stops the containers that run now, unless the daemon's live-restore is on",
)
_NAME_SERVERS = (
    Remedy("See which name servers this host asks", ("cat /etc/resolv.conf",)),
    Remedy(
        "If containers do not reach these (a VPN's, one on 127.0.0.1), name others under `dns` in "
        "/etc/docker/daemon.json, and restart the daemon",
        ("sudo systemctl restart docker",),
        breaks="stops the containers that run now, unless the daemon's live-restore is on",
    ),
)

CHECK = Check(
    id="QCA191",
    category="docker",
    title="Containers do not find a name",
    needs=("live_lookups",),
    looks_at="with `--deep`: one container on a new network that has no way out, as the stack's, "
    "looks up `store`; another on Docker's default network looks up pypi.org.",
    why="On a network of its own the engine's name server (127.0.0.11) answers for the services; "
    "it needs packet filter rules that a reloaded firewall drops. On the default network "
    "containers ask the host's name servers, which they may not reach. A public name that this "
    "host does not know either is skipped.",
    fix="Restart the daemon after the firewall; name servers that containers reach in daemon.json.",
    url="https://docs.docker.com/engine/network/#dns-services",
    judge_host=_judge_host,
)
