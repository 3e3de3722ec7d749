"""QCA711: does Docker Engine accept the settings of the services?"""

from collections.abc import Iterator

from infra.compose_file.model import Service
from infra.doctor.analysis.unread_extends import skip_hidden_services
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.facts import Engine, known_or_none
from qca.core.versions import parse_version

_START_INTERVAL_KNOWN = (25, 0)


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    faults = [
        locate(_refuse(service, refusal.message), file, refusal)
        for service in file.services
        for refusal in service.engine_refusals
    ]
    for service in file.services:
        given = service.settings.get("healthcheck.start_interval")
        verdict = _judge_start_interval(subject, service) if given else None
        if given and verdict:
            faults.append(locate(verdict, file, given))
    hidden = list(skip_hidden_services(file, "has settings that the engine refuses"))
    yield from faults
    yield from hidden
    if not faults and not hidden:
        yield ok(f"{file.path}: no setting that the engine is known to refuse.")


def _refuse(service: Service, message: str) -> Verdict:
    message = f"Service {service.name}: {message}"
    return Verdict(Severity.ERROR, message, {"service": service.name})


def _judge_start_interval(subject: FileSubject, service: Service) -> Verdict | None:
    engine = known_or_none(subject.facts.docker)
    if not isinstance(engine, Engine):
        return skip(
            f"Cannot determine whether the engine supports `start_interval` of service "
            f"{service.name} (since Engine 25): no engine answered."
        )
    if not parse_version(engine.version) or parse_version(engine.version) >= _START_INTERVAL_KNOWN:
        return None
    return _refuse(
        service,
        f"`start_interval` needs Engine 25 (this is {engine.version}).\nCompose reports: can't set "
        "healthcheck.start_interval as feature require Docker Engine v25 or later",
    )


CHECK = Check(
    id="QCA711",
    category="file",
    title="A setting that the engine refuses",
    needs=(),
    looks_at="settings that `docker compose config` accepts but that stop `docker compose up`: "
    "names of images and containers, `sysctls`, `network_mode` with keys that contradict it, "
    "static addresses and subnets, capabilities, paths in the container, log options, secrets and "
    "configs that are external or come from an unset variable, `start_interval`, `stop_signal`, "
    "`ipc`, `security_opt`, `ulimits`, `extra_hosts` and `mac_address`.",
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
