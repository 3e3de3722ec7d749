"""QCA803: does a service run with the host's privileges or in its namespaces?"""

from collections.abc import Iterator

from infra.compose_file.model import ComposeFile, LocatedValue, Service
from infra.doctor.analysis.unread_extends import skip_hidden_services
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, locate
from infra.doctor.remedies.line_edit import delete_line, edit_line, replace_on_line
from infra.doctor.subjects import FileSubject


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for service in file.services:
        for key, value, what, exploit in _PRIVILEGES:
            setting = service.settings.get(key)
            if setting and setting.value.lower() == value:
                message = f"Service {service.name} {what} (`{key}: {value}`).\n{exploit}"
                severity = Severity.INFO if key == "network_mode" else Severity.WARNING
                evidence = {"service": service.name, "key": key}
                remedies = _drop_privilege(file, service, key, setting)
                yield locate(Verdict(severity, message, evidence, remedies), file, setting)
    yield from skip_hidden_services(file, "has the host's privileges")


def _drop_privilege(
    file: ComposeFile, service: Service, key: str, setting: LocatedValue
) -> tuple[Remedy, ...]:
    if key == "privileged":
        edit = replace_on_line(file, setting, "true", "false")
        title = (
            f"Run {service.name} without it; add what the service needs with `cap_add` or `devices`"
        )
    else:
        edit = delete_line(file, setting, rf"{key}:\s+([\"']?)host\1")
        title = f"Remove `{key}`"
    return (edit_line(title, edit, automatic=False),) if edit else ()


_PRIVILEGES = (
    (
        "privileged",
        "true",
        "runs with every privilege of the host",
        "An attacker in the container can mount the host's disk and become root on this host.",
    ),
    (
        "pid",
        "host",
        "can see the host's processes",
        "An attacker in the container can read the environment of all processes that run as the "
        "container's user, including passwords, and kill these processes. Remove the key.",
    ),
    (
        "network_mode",
        "host",
        "uses the host's network",
        "An attacker in the container can connect to all services on 127.0.0.1 of this host, and "
        "every port that the service opens is open on the host. Publish the ports that it needs "
        "instead.",
    ),
)

CHECK = Check(
    id="QCA803",
    category="security",
    title="A service has the host's privileges",
    needs=(),
    looks_at="`privileged: true`, `pid: host` and `network_mode: host`.",
    why="Each of them removes a boundary between the container and the host.\nFor example, a "
    "service that uses `privileged: true` for one device needs only `devices: [/dev/ttyUSB0]`.",
    fix="Remove it, and add what the service needs instead: `cap_add`, `devices`, `ports`.",
    url="https://docs.docker.com/reference/compose-file/services/#privileged",
    judge_file=_judge_file,
)
