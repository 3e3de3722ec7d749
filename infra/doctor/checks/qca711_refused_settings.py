"""QCA711: does Docker Engine accept the settings of the services?"""

from collections.abc import Iterator

from infra.compose_file.model import ComposeFile, LocatedValue, Refusal, Service
from infra.doctor.analysis.unread_extends import skip_hidden_services
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.facts import DockerFacts, Engine, known_or_none
from qca.core.versions import parse_version

_START_INTERVAL_KNOWN = (25, 0)
# The drivers that are part of the engine: https://docs.docker.com/engine/logging/configure/
_LOG_DRIVERS = {
    *("awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "journald", "json-file", "local"),
    *("logentries", "none", "splunk", "syslog"),
}
# The engine's errors by the value of the key (moby, runconfig/hostconfig_unix.go and
# daemon/daemon_unix.go).
_NEEDS_HOST_USERS = {
    "true": "privileged mode is incompatible with user namespaces",
    "host": "cannot share the host's network namespace when user namespaces are enabled",
}


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    faults = [
        locate(_refuse(service, refusal.message), file, refusal)
        for service in file.services
        for refusal in service.engine_refusals
        if not refusal.network
    ]
    faults += [locate(_refuse_network(fault), file, fault) for fault in _list_network_faults(file)]
    for service in file.services:
        faults += _judge_by_engine(subject, service)
    faults += _judge_overlays(subject)
    faults += _judge_releases(subject)
    hidden = list(skip_hidden_services(file, "has settings that the engine refuses"))
    yield from faults
    yield from hidden
    if not faults and not hidden:
        yield ok(f"{file.path} has no setting that the engine is known to refuse.")


def _refuse(service: Service, message: str) -> Verdict:
    message = f"Service {service.name}: {message}"
    return Verdict(Severity.ERROR, message, {"service": service.name})


def _list_network_faults(file: ComposeFile) -> list[Refusal]:
    """Return the refusals of networks, each once, although every service of the network has it."""
    refusals = (refusal for service in file.services for refusal in service.engine_refusals)
    return list(dict.fromkeys(refusal for refusal in refusals if refusal.network))


def _refuse_network(refusal: Refusal) -> Verdict:
    message = f"Network {refusal.network}: {refusal.message}"
    return Verdict(Severity.ERROR, message, {"network": refusal.network})


def _judge_by_engine(subject: FileSubject, service: Service) -> Iterator[Verdict]:
    """Yield the verdicts that depend on the engine."""
    engine = known_or_none(subject.facts.docker)
    for key, judge in _BY_ENGINE.items():
        given = service.settings.get(key)
        verdict = judge(service, given, engine) if given else None
        if given and verdict:
            yield locate(verdict, subject.file, given)


def _judge_start_interval(
    service: Service, _given: LocatedValue, engine: DockerFacts | None
) -> Verdict | None:
    if not isinstance(engine, Engine):
        return skip(
            f"Cannot determine whether the engine supports `start_interval` of service "
            f"{service.name} (new in Engine 25): no engine answered."
        )
    if not parse_version(engine.version) or parse_version(engine.version) >= _START_INTERVAL_KNOWN:
        return None
    return _refuse(
        service,
        f"`start_interval` needs Engine 25 (this is {engine.version}).\nCompose reports: can't set "
        "healthcheck.start_interval as feature require Docker Engine v25 or later",
    )


def _judge_log_driver(
    service: Service, driver: LocatedValue, _engine: DockerFacts | None
) -> Verdict | None:
    """Skip plugins' drivers: the engine lists only built-in ones (moby, daemon/info.go)."""
    if driver.value in _LOG_DRIVERS:
        return None
    return skip(
        f"Cannot determine whether the engine has the log driver {driver.value} of service "
        f"{service.name}: it is a plugin; `docker plugin ls` shows the installed ones.",
        service=service.name,
    )


def _judge_namespace(
    service: Service, given: LocatedValue, engine: DockerFacts | None
) -> Verdict | None:
    """Refuse the host's namespaces on an engine that maps users (`userns-remap`)."""
    userns = service.settings.get("userns_mode")
    is_remapped = isinstance(engine, Engine) and "name=userns" in engine.security_options
    if not is_remapped or (userns and userns.value == "host"):
        return None
    docker = _NEEDS_HOST_USERS.get(given.value.lower(), "")
    if not docker:
        return None
    return _refuse(
        service,
        "the engine maps the users of its containers (`userns-remap`), so they cannot use the "
        f"host's namespaces.\nDocker reports: {docker}\nAdd `userns_mode: host`.",
    )


def _judge_overlays(subject: FileSubject) -> Iterator[Verdict]:
    """Refuse overlay networks on an engine that manages no swarm."""
    engine = known_or_none(subject.facts.docker)
    role = engine.swarm_role if isinstance(engine, Engine) else None
    for network in subject.file.overlays:
        if role != "manager":
            yield locate(_refuse_overlay(network.value, role), subject.file, network)


def _refuse_overlay(network: str, role: str | None) -> Verdict:
    if role is None:
        return skip(
            f"Cannot determine whether the engine can create the overlay network {network}: its "
            "role in a swarm is unknown.",
            network=network,
        )
    advice = "Create it on a manager." if role == "worker" else "Use `driver: bridge` on one host."
    message = (
        f"The engine cannot create the overlay network {network}: it manages no swarm.\nCompose "
        f"reports: This node is not a swarm manager\n{advice}"
    )
    return Verdict(Severity.ERROR, message, {"network": network})


def _judge_releases(subject: FileSubject) -> Iterator[Verdict]:
    """Warn of what an older engine ignores or fails at; Podman's releases are its own."""
    engine = known_or_none(subject.facts.docker)
    for need in subject.file.release_needs:
        message = f"{need.what} needs Docker Engine {need.release[0]}."
        release = parse_version(engine.version) if isinstance(engine, Engine) else ()
        if not isinstance(engine, Engine) or not release or engine.is_podman:
            verdict = skip(f"{message} Cannot determine whether this engine supports it.")
        elif release < need.release:
            message += f"\nEngine {engine.version} {need.otherwise}"
            verdict = Verdict(Severity.WARNING, message, {"engine": engine.version})
        else:
            continue
        yield locate(verdict, subject.file, need)


_BY_ENGINE = {
    "healthcheck.start_interval": _judge_start_interval,
    "logging.driver": _judge_log_driver,
    "network_mode": _judge_namespace,
    "privileged": _judge_namespace,
}

CHECK = Check(
    id="QCA711",
    category="file",
    title="A setting that the engine refuses",
    needs=(),
    looks_at="settings that `docker compose config` accepts but that stop `docker compose up`: "
    "names of images and containers, `sysctls`, `network_mode` with keys that contradict it, "
    "static addresses and subnets, capabilities, paths in the container, log options, secrets and "
    "configs that are external or come from an unset variable, `start_interval`, `stop_signal`, "
    "`ipc`, `security_opt`, `ulimits`, `extra_hosts` and `mac_address`; if the engine maps users "
    "(`userns-remap`), `privileged` and the host's network; if it manages no swarm, overlay "
    "networks; if it is older than Engine 27 or 26, IPv6 without a subnet, and `subpath`.",
    why="Compose checks the form of a file; only the engine checks these settings, after Compose "
    "has created networks and started other services. `vm.overcommit_memory` and "
    "`vm.max_map_count` are settings of the whole host, so a container cannot have its own. With "
    "`network_mode: service:vpn`, the ports belong to the service vpn.\nFor example, "
    "`image: ghcr.io/MyTeam/app` fails with: repository name must be lowercase",
    fix="Remove the setting, or move it to where Docker accepts it: to the host (`sysctl`), or to "
    "the service whose network is shared.",
    url="https://docs.docker.com/reference/compose-file/services/",
    judge_file=_judge_file,
)
