"""QCA191: can containers look up names? Tested by `qca doctor --deep`."""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import NameLookup, require

_PLACES = {
    "stack": "on a network like the stack's",
    "default": "on the network used for image builds",
}


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    for lookup in require(subject.facts.live_lookups):
        yield _judge_lookup(subject, lookup)


def _judge_lookup(subject: HostSubject, lookup: NameLookup) -> Verdict:
    place = _PLACES[lookup.network]
    evidence = {"name": lookup.name, "network": lookup.network}
    if lookup.found is None:
        return skip(
            f"Cannot determine whether containers {place} can look up {lookup.name}: "
            f"{lookup.detail}.",
            **evidence,
        )
    if lookup.found:
        return ok(f"Containers {place} can look up {lookup.name}.", **evidence)
    message = f"Containers {place} cannot look up {lookup.name}.\n{lookup.detail}\n"
    if lookup.network == "stack":
        message += "The trainer connects to the store by this name."
        severity = subject.grade_container_fault()
        return Verdict(severity, message, evidence, (_RESTORE_RULES,))
    message += "This host can look it up, but an image build cannot, so its downloads fail."
    return Verdict(Severity.WARNING, message, evidence, _NAME_SERVERS)


_RESTORE_RULES = Remedy(
    "Restart the daemon to restore its packet filter rules, which reloading a firewall removes",
    ("sudo systemctl restart docker",),
    breaks="stops all running containers, unless the daemon's live-restore is on",
)
_NAME_SERVERS = (
    Remedy("Show the name servers of this host", ("cat /etc/resolv.conf",)),
    Remedy(
        "If containers cannot reach this host's name servers (a VPN's, or one on 127.0.0.1), set "
        "others under `dns` in /etc/docker/daemon.json, and restart the daemon",
        ("sudo systemctl restart docker",),
        breaks="stops all running containers, unless the daemon's live-restore is on",
    ),
)

CHECK = Check(
    id="QCA191",
    category="docker",
    title="Containers cannot look up a name",
    needs=("live_lookups",),
    looks_at="with `--deep`: one container looks up `store` on a new internal network like the "
    "stack's, and another looks up pypi.org on Docker's default network.",
    why="On a user-defined network the engine's name server (127.0.0.11) resolves service names; "
    "it needs packet filter rules, which reloading a firewall removes. On the default network "
    "containers ask the host's name servers, which may be unreachable from there. If this host "
    "cannot look up the public name either, the check is skipped.",
    fix="Restart the daemon after the firewall, or, in daemon.json, set name servers that "
    "containers can reach.",
    url="https://docs.docker.com/engine/network/#dns-services",
    judge_host=_judge_host,
)
